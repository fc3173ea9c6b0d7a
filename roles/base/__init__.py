"""What every host has: names of its peers, trusted authorities, kernel and journal limits, quiet package tools."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import Settings

NEEDS: tuple[str, ...] = ()
PLACED_ON = ("every",)
SERVES: tuple[Port, ...] = ()
CALLS: tuple[str, ...] = ()

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always."""
    return True
