"""How many processes fit on a host, and what they take."""

from __future__ import annotations

from massive_deploy.environment import (
    PGPOOL_OTHERS,
    aliases_at_most,
    pgpool_sessions,
    processes,
    worker_processes,
    workers,
)
from massive_deploy.topology.layout import Host, Layout

from .settings import Settings

__all__ = ["memory", "memory_max", "pool_size", "worker_processes", "workers"]

# Measured with the demo site: two gevent workers and their parent take 120 MiB together.
WORKER_MB = 60
CELERY_MB = 50
PARENT_MB = 40


def pool_size(layout: Layout, host: Host) -> int:
    """Most connections that one process keeps for one database alias.

    With pgPool every one of them holds a session of its own, so all pools together must leave some to others: the
    Celery processes, `manage`.
    """
    settings: Settings = layout.settings["app"]
    if layout.topology.pooler != "pgpool":
        return settings.database_pool_size
    aliases, (web, celery) = aliases_at_most(layout), processes(layout, host)
    free = pgpool_sessions(layout) - celery * aliases - PGPOOL_OTHERS
    # One at least: where there are too few for that, pgPool's own sum has refused the topology.
    return max(1, min(settings.database_pool_size, free // (web * aliases)))


def memory(layout: Layout, host: Host) -> int:
    """MiB of gunicorn, the Celery worker and nginx."""
    web, celery = processes(layout, host)
    worker = celery * CELERY_MB + PARENT_MB if celery else 0
    return web * WORKER_MB + PARENT_MB + worker + 16


def memory_max(host: Host, settings: Settings) -> int:
    """MiB at which the kernel ends gunicorn: half as much again as its processes may have before they are replaced."""
    return workers(host, settings) * settings.max_worker_memory * 3 // 2 + 2 * PARENT_MB
