"""keepalived on the edge: one address that is always on an edge server which works (VRRP)."""

from __future__ import annotations

from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Topology

from .conflicts import conflicts
from .desired import desired
from .settings import Settings

NEEDS = ("nginx", "varnish")
PLACED_ON = ("edge",)
# VRRP has no port: it is an IP protocol of its own, between the edge servers only.
SERVES = (Port("vrrp", 112, protocol="ip"),)
CALLS = ("keepalived.vrrp",)

__all__ = ["CALLS", "NEEDS", "PLACED_ON", "SERVES", "Settings", "conflicts", "desired", "wanted"]


def wanted(topology: Topology) -> bool:
    """Only where the topology gives the edge an address of its own."""
    return topology.edge_address is not None
