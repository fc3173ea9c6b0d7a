"""What every host is closed with: sshd without passwords and weak cryptography, upgrades that install themselves."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import Settings

NEEDS = ("base",)
PLACED_ON = ("every",)
SERVES: tuple[Port, ...] = ()
CALLS: tuple[str, ...] = ()

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always; its settings turn off what a team does in another way."""
    return True
