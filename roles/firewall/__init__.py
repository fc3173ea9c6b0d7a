"""The packet filter of every host: in come what the layout says that peers call, what is public, and SSH."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .conflicts import conflicts
from .desired import desired
from .settings import Settings

# First of all, and everywhere: a new host must be let in by its peers before anything on it calls them.
NEEDS: tuple[str, ...] = ()
PLACED_ON = ("every",)
SERVES: tuple[Port, ...] = ()
CALLS: tuple[str, ...] = ()

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "conflicts", "desired", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always; `enabled: false` takes it away where it is."""
    return True
