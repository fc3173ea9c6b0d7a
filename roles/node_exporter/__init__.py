"""prometheus-node-exporter on every host: CPU, memory, disks, network, clock, and the state of each systemd unit."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import Settings

NEEDS = ["base"]
PLACED_ON = ["every"]
SERVES = [Port("metrics", 9100, metrics="/metrics")]
CALLS: list[str] = []


def wanted(topology: Topology) -> bool:  # noqa: ARG001 - every stack is watched
    """Always."""
    return True


__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "wanted"]
