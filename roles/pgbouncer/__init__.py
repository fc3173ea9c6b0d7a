"""pgbouncer on every app host: many Django connections share few PostgreSQL ones (transaction pooling)."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .capacity import memory, sums
from .desired import desired
from .handover import handover, shard_move
from .settings import METRICS, Settings

NEEDS = ("haproxy",)
PLACED_ON = ("app",)
SERVES = (Port("metrics", METRICS, "/metrics"),)
CALLS = ()

__all__ = [
    "CALLS",
    "NEEDS",
    "PLACED_ON",
    "SERVES",
    "Settings",
    "desired",
    "handover",
    "memory",
    "shard_move",
    "sums",
    "wanted",
]


def wanted(topology: Topology) -> bool:
    """Where the topology names it as the pooler."""
    return topology.pooler == "pgbouncer"
