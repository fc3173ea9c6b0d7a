"""nginx at the edge: the only door to the outside. Names requests, keeps pages for a second, asks Varnish otherwise."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout, Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .https import conflicts
from .settings import Settings

NEEDS = ("base", "varnish")
PLACED_ON = ("edge",)
SERVES = (
    Port("http", 80, public=True),
    Port("https", 443, public=True),
    Port("http3", 443, protocol="udp", public=True),
    Port("metrics", 9113, metrics="/metrics"),
)
CALLS = ("app.http",)

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "conflicts", "desired", "memory", "serves", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always."""
    return True


def serves(topology: Topology, settings: Settings) -> tuple[Port, ...]:  # noqa: ARG001
    """HTTPS and HTTP/3 where they are offered."""
    without = {"https", "http3"} if settings.tls == "off" else set() if settings.https.http3 else {"http3"}
    return tuple(port for port in SERVES if port.name not in without)


def memory(layout: Layout, host: Host) -> int:
    """MiB of its processes and their buffers, and of what they share."""
    settings = layout.settings["nginx"]
    pages: int = settings.pages_memory if settings.second_layer else 0
    limits = 10 * (bool(settings.requests_per_second) + bool(settings.requests_at_once))
    return 16 + 8 * host.cpus + pages + limits
