"""Prometheus and Alertmanager: scrapes every metrics port of the stack, holds the alerts, shows pages of all tiers."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import Settings
from .targets import watched

NEEDS = ["base"]
PLACED_ON = ["monitor"]
SERVES = [Port("prometheus", 9090, metrics="/metrics"), Port("alerts", 9093, metrics="/metrics")]
CALLS = ["*"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001 - every stack is watched
    """Always."""
    return True


__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "wanted", "watched"]
