"""pgPool-II on every app host instead of pgbouncer: it reads the SQL and sends reads to replicas by itself."""

from __future__ import annotations

from massive_deploy.topology.model import Topology

from .capacity import memory, sums
from .desired import desired
from .settings import Settings

NEEDS = ("postgresql",)
PLACED_ON = ("app",)
SERVES = ()
CALLS = ("postgresql.sql", "postgresql.rest", "postgresql.reads")

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "memory", "sums", "wanted"]


def wanted(topology: Topology) -> bool:
    """Where the topology names it as the pooler."""
    return topology.pooler == "pgpool"
