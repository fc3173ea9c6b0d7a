"""nginx at the edge: the only door to the outside. Names requests, keeps pages for a second, asks Varnish otherwise."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout, Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .https import conflicts
from .settings import Settings

NEEDS = ("base", "varnish")
PLACED_ON = ("edge",)
SERVES = (Port("http", 80), Port("https", 443), Port("metrics", 9113, metrics="/metrics"))
CALLS = ("app.http",)

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "conflicts", "desired", "memory", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always."""
    return True


def memory(layout: Layout, host: Host) -> int:
    """MiB of its processes and their buffers, and of what they share."""
    settings = layout.settings["nginx"]
    pages: int = settings.pages_memory if settings.second_layer else 0
    limits = 10 * (bool(settings.requests_per_second) + bool(settings.requests_at_once))
    return 16 + 8 * host.cpus + pages + limits
