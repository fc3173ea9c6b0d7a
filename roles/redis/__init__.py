"""Redis: sessions and the task queue. Nothing is evicted, every second is on disk."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import Settings
from .sizes import memory

NEEDS = ("base",)
PLACED_ON = ("redis",)
SERVES = (Port("data", 6379), Port("metrics", 9121, metrics="/metrics"))
CALLS: tuple[str, ...] = ()

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "memory", "wanted"]


def wanted(topology: Topology) -> bool:
    """Always: sessions live here."""
    return topology.cache.redis > 0
