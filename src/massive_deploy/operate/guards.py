"""What `up` refuses: edits that would take data away. Nothing is touched when a guard says no."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from massive_deploy.errors import Refused

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory


def refuse_loss(inventory: Inventory) -> None:
    """Refuse a topology that leaves out a host with database data.

    Raises:
        Refused: names the hosts.
    """
    holding = [host for host in inventory.layout.leaving if host.cluster is not None]
    if holding:
        names = ", ".join(f"{host.name} (database cluster {host.cluster})" for host in holding)
        raise Refused(
            f"the topology no longer has a place for {names}, which hold data",
            "put `replicas` and `shards` back; taking database hosts out is a step of its own",
        )


def leaving(inventory: Inventory) -> Iterator[str]:
    """One line for each host that the topology no longer has and that still runs."""
    for host in inventory.layout.leaving:
        yield f"{host.name} ({host.address}) is no longer in the topology and still runs"
