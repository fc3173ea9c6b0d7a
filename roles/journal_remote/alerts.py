"""What must not happen to the collected journals."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.collected import receiver
from massive_deploy.topology.layout import Layout


def units(layout: Layout) -> Mapping[str, str]:
    """What must be active, where there is another host's to collect."""
    if receiver(layout) is None:
        return {}
    return {"systemd-journal-remote.socket": "Nothing. Logs stay on their hosts until it is back, and come then."}
