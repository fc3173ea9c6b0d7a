"""The project's next version: built once on the first app host, packed for the others."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import Settings

NEEDS = ("base", "memcached", "redis", "postgresql", "haproxy", "pgbouncer", "pgpool")
PLACED_ON = ("app",)
SERVES: tuple[Port, ...] = ()
CALLS: tuple[str, ...] = ()

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always."""
    return True
