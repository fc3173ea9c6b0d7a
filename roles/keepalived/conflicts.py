"""What makes a shared address impossible."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface

from massive_deploy.topology.addresses import subnet
from massive_deploy.topology.conflicts import Conflict
from massive_deploy.topology.layout import Layout

_AT = ("edge_address",)


def conflicts(layout: Layout) -> Iterator[Conflict]:
    """An address is shared by two servers or more of one network, and belongs to nobody else."""
    shared = IPv4Interface(str(layout.topology.edge_address))
    edges = layout.running("keepalived")
    if len(edges) < 2:
        what = "an address that moves needs a second edge server to move to"
        yield Conflict(_AT, what, "set `edge_servers: 2`, or remove it and let DNS name the edge server")
    for host in (*layout.hosts, *layout.leaving):
        if IPv4Address(host.address) == shared.ip:
            what = f"{shared.ip} is the address of '{host.name}' itself"
            yield Conflict(_AT, what, "give a free address of the edge servers' network")
    for host in edges:
        if IPv4Address(host.address) not in shared.network:
            what = f"'{host.name}' has {host.address}, which is not in {shared.network}"
            yield Conflict(_AT, what, "an address moves inside one network only: let DNS name the edge servers instead")
    taken = {shared.network.network_address, shared.network.broadcast_address}
    if layout.topology.target == "docker":
        taken.add(IPv4Address(subnet(layout.topology).removesuffix("0/24") + "1"))
    if shared.ip in taken:
        yield Conflict(_AT, f"{shared.ip} is the network's own", "give a free address of the edge servers' network")
