"""Watchers on the database hosts: they free the lock of a leader whose host is gone before its time runs out."""

from __future__ import annotations

from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import Settings

NEEDS = ("postgresql",)
PLACED_ON = ("database",)
SERVES = ()
# PostgreSQL of the peers is only greeted, never logged in to: a call to postgresql.sql would ask for rights there.
CALLS = ("etcd.client", "postgresql.rest")

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "wanted"]


def wanted(topology: Topology) -> bool:
    """Only where the topology asks for it; its rules refuse what would not be safe."""
    return topology.failover.early
