"""How many processes fit on a host, and what they take."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout

from .settings import Settings

# A host gets another gunicorn worker for each of these.
HOST_MB_PER_WORKER = 384
# Measured with the demo site: two gevent workers and their parent take 120 MiB together.
WORKER_MB = 60
CELERY_MB = 50
PARENT_MB = 40


def workers(host: Host, settings: Settings) -> int:
    """gunicorn processes."""
    return settings.workers or max(1, min(host.cpus, host.memory_mb // HOST_MB_PER_WORKER))


def worker_processes(host: Host, settings: Settings) -> int:
    """Celery processes."""
    return settings.worker_processes or max(1, host.cpus)


def memory(layout: Layout, host: Host) -> int:
    """MiB of gunicorn, the Celery worker and nginx."""
    settings = layout.settings["app"]
    celery = worker_processes(host, settings) * CELERY_MB + PARENT_MB if layout.topology.app.worker else 0
    return workers(host, settings) * WORKER_MB + PARENT_MB + celery + 16
