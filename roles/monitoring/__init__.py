"""Prometheus and Alertmanager: every metrics port is read, the site is asked, people are told, and see pages of all."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import ALERTS, BLACKBOX, PROMETHEUS, Settings
from .targets import watched

# Last of all: what is watched before it was started once would raise alerts.
NEEDS = ["base", "nginx"]
PLACED_ON = ["monitor"]
SERVES = [
    Port("prometheus", PROMETHEUS, metrics="/metrics"),
    Port("alerts", ALERTS, metrics="/metrics"),
    Port("blackbox", BLACKBOX, metrics="/metrics"),
]
CALLS = ["*", "nginx.http"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001 - every stack is watched
    """Always."""
    return True


__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "wanted", "watched"]
