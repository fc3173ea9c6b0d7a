"""nginx at the edge: the only door to the outside. Names each request, takes slow clients, hands all to Varnish."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout, Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import Settings

NEEDS = ("base", "varnish")
PLACED_ON = ("edge",)
SERVES = (Port("http", 80), Port("metrics", 9113, metrics="/metrics"))
CALLS: tuple[str, ...] = ()

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "memory", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always."""
    return True


def memory(layout: Layout, host: Host) -> int:  # noqa: ARG001 - the same in every stack
    """MiB of its processes and their buffers."""
    return 16 + 8 * host.cpus
