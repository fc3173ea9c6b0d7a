"""Capacity arithmetic of the app role."""

from __future__ import annotations

from massive_deploy.topology.layout import Layout, Sum

from .sizes import workers

# Measured: two gevent workers with Django take 88-97 MB together.
IDLE_MB = 60


def sums(layout: Layout) -> tuple[Sum, ...]:
    """Memory of gunicorn's processes against half of each host's."""
    settings = layout.settings["app"]
    found = []
    for host in layout.running("app"):
        count = workers(host, settings)
        formula = f"{count} workers x {IDLE_MB} MiB"
        found.append(Sum("gunicorn memory", formula, count * IDLE_MB, host.memory_mb // 2, where=host.name))
    return tuple(found)
