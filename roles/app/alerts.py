"""What must not happen to the project's own processes."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.topology.layout import Layout

GUNICORN = "Nothing as long as other app servers carry the load; with none left, kept pages alone are shown."
CELERY = "What is done in the background comes later, or not at all when no other worker runs."


def units(layout: Layout) -> Mapping[str, str]:
    """What must be active."""
    worker = {"app-worker.service": CELERY} if layout.topology.app.worker else {}
    return {"app.service": GUNICORN, **worker}
