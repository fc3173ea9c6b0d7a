"""What `up` refuses: edits that would take data away. Nothing is touched when a guard says no."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from massive_deploy.errors import Refused
from massive_deploy.topology.placement import FILE, load_placement

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.topology.layout import Host


def refuse_loss(inventory: Inventory, lose: Collection[str] = ()) -> None:
    """Refuse a topology that leaves out database hosts (unless each is named in `lose`) or moves members of etcd.

    Raises:
        Refused: names each host and what is on it.
    """
    holding = [host for host in inventory.layout.leaving if host.cluster is not None and host.name not in lose]
    if holding:
        table = "\n".join(f"    {line}" for line in map(_what_it_holds, holding))
        names = ",".join(host.name for host in holding)
        raise Refused(
            f"the topology no longer has a place for hosts with data:\n{table}",
            f"put `replicas` and `shards` back, or: massive-deploy up {inventory.folder} --lose {names}",
        )
    _refuse_moved_quorum(inventory)


def _what_it_holds(host: Host) -> str:
    return f"{host.name} ({host.address}): a copy of database cluster {host.cluster}"


def _refuse_moved_quorum(inventory: Inventory) -> None:
    recorded = load_placement(inventory.folder / FILE)
    if recorded is None:
        return
    before = {name for name, host in recorded.hosts.items() if "quorum" in host.parts}
    now = {host.name for host in inventory.layout.hosts if "quorum" in host.parts}
    if before and before != now:
        raise Refused(
            f"this edit would change etcd's members from {', '.join(sorted(before))} to {', '.join(sorted(now))}, "
            "and with them the memory of who leads each database cluster",
            "keep those hosts in the topology; to change them, make a new inventory and restore into it",
        )


def leaving(inventory: Inventory) -> Iterator[str]:
    """One line for each host that the topology no longer has and that still runs."""
    for host in inventory.layout.leaving:
        yield (
            f"{host.name} ({host.address}) is no longer in the topology and still runs; "
            f"take it out with: massive-deploy retire {inventory.folder} {host.name}"
        )
