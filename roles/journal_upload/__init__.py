"""systemd-journal-upload on every host: sends the journal to the monitor host, and what it missed when that is back."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import Settings

NEEDS = ("base", "journal_remote")
PLACED_ON = ("every",)
SERVES: tuple[Port, ...] = ()
CALLS = ("journal_remote.upload",)

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always; the receiver's own host sends nothing, as its journal is there already."""
    return True
