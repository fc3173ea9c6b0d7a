"""The Django project: gunicorn with gevent behind the host's own nginx, and the Celery worker."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import Settings
from .sizes import memory
from .timeouts import sums

NEEDS = ("release",)
PLACED_ON = ("app",)
SERVES = (Port("http", 8000),)
CALLS = ("memcached.data", "varnish.purge")

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "memory", "sums", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always."""
    return True
