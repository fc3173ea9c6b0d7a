"""Counts what nginx logs, at edge and app servers: requests by status, by cache, by the time to their first byte."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout, Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import METRICS, Settings

NEEDS = ("app", "nginx")
PLACED_ON = ("edge", "app")
SERVES = (Port("metrics", METRICS, metrics="/metrics"),)
CALLS: tuple[str, ...] = ()

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "memory", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001 - every stack is watched
    """Always."""
    return True


def memory(layout: Layout, host: Host) -> int:  # noqa: ARG001 - the same everywhere
    """MiB of one small process."""
    return 24
