"""memcached: the flat cache for pages, fragments and query results. Losing a node loses speed, never data."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import DATA, METRICS, Settings
from .sizes import memory

NEEDS = ("base",)
PLACED_ON = ("memcached",)
SERVES = (Port("data", DATA), Port("metrics", METRICS, metrics="/metrics"))
CALLS: tuple[str, ...] = ()

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "memory", "wanted"]


def wanted(topology: Topology) -> bool:
    """When the stack has a node."""
    return topology.cache.memcached > 0
