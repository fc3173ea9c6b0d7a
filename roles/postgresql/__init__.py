"""PostgreSQL 17 under Patroni: each cluster has one leader, chosen by Patroni, and streaming replicas."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .capacity import memory, sums
from .desired import desired
from .settings import METRICS, READS, REST, SQL, Settings

NEEDS = ("etcd",)
PLACED_ON = ("database",)
SERVES = (
    Port("sql", SQL),
    Port("rest", REST, "/metrics"),
    Port("metrics", METRICS, "/metrics"),
    Port("reads", READS, "/metrics"),
)
CALLS = ("etcd.client", "postgresql.sql", "postgresql.rest")

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "memory", "sums", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001 - every stack has a database
    """Always."""
    return True
