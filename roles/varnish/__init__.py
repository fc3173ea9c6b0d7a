"""Varnish: keeps what the project says may be kept, and answers from it when the project cannot."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import Settings
from .sizes import memory

NEEDS = ("base", "app")
PLACED_ON = ("edge",)
SERVES = (Port("purge", 6083), Port("metrics", 9131, metrics="/metrics"))
CALLS = ("app.http",)

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "memory", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always."""
    return True
