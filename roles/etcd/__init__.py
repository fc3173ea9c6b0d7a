"""etcd: the small replicated store in which Patroni keeps who leads each PostgreSQL cluster."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout, Port
from massive_deploy.topology.model import Topology

from .desired import desired
from .settings import CLIENT, METRICS, PEER, Settings

NEEDS = ("base",)
PLACED_ON = ("quorum",)
SERVES = (Port("client", CLIENT), Port("peer", PEER), Port("metrics", METRICS, "/metrics"))
# A member that is to join asks the others whether they expect it.
CALLS = ("etcd.client", "etcd.peer")

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "desired", "memory", "wanted"]


def wanted(topology: Topology) -> bool:  # noqa: ARG001 - every stack has a database
    """Always: a cluster of one node is run the same way, so that growing only adds members."""
    return True


def memory(layout: Layout, host: Host) -> int:  # noqa: ARG001 - the same everywhere
    """MiB one member takes with the few keys Patroni keeps."""
    return 64
