"""HAProxy on every app host: hands database connections to the leader or to fit replicas, and Redis ones to Redis."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout, Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .handover import handover
from .settings import METRICS, Settings

NEEDS = ("postgresql", "redis")
PLACED_ON = ("app",)
SERVES = (Port("metrics", METRICS, "/metrics"),)
CALLS = ("postgresql.sql", "postgresql.rest", "postgresql.reads", "redis.data")

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "handover", "memory", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001 - Redis is reached through it whatever the pooler
    """Always."""
    return True


def memory(layout: Layout, host: Host) -> int:  # noqa: ARG001 - the same everywhere
    """MiB: two buffers of 16 KiB for each connection, and the process itself."""
    settings: Settings = layout.settings["haproxy"]
    return 24 + settings.max_connections // 32
