"""How many processes fit on a host."""

from __future__ import annotations

from massive_deploy.topology.layout import Host

from .settings import Settings

WORKER_MB = 384


def workers(host: Host, settings: Settings) -> int:
    """gunicorn processes."""
    return settings.workers or max(1, min(host.cpus, host.memory_mb // WORKER_MB))


def worker_processes(host: Host, settings: Settings) -> int:
    """Celery processes."""
    return settings.worker_processes or max(1, host.cpus)
