"""systemd-journal-remote behind nginx: takes the journals of all hosts in, each under the name of its certificate."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .conflicts import conflicts
from .desired import desired
from .settings import PORT, Settings
from .sizes import memory

# After the site's own nginx: where both share a host, the site must not wait for logs.
NEEDS = ("base", "nginx")
PLACED_ON = ("monitor",)
SERVES = (Port("upload", PORT),)
CALLS: tuple[str, ...] = ()

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "conflicts", "desired", "memory", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always; with a single host there is nothing to collect."""
    return True
