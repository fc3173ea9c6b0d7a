"""`hosts`: which host plays which part."""

from __future__ import annotations

from massive_deploy.cli.common import InventoryPath, Json, echo_json


def hosts(inventory: InventoryPath, *, json: Json = False) -> None:
    """List the hosts with their addresses, parts and roles. Contacts no host."""
    from rich.table import Table

    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory

    layout = open_inventory(inventory).layout
    if json:
        echo_json(
            [
                {
                    "name": h.name,
                    "address": h.address,
                    "parts": list(h.parts),
                    "cluster": h.cluster,
                    "roles": sorted(layout.roles_of(h.name)),
                }
                for h in layout.hosts
            ]
        )
        return
    table = Table("host", "address", "cluster", "parts", "roles")
    for host in layout.hosts:
        cluster = str(host.cluster) if host.cluster is not None else ""
        table.add_row(
            host.name, host.address, cluster, ", ".join(host.parts), ", ".join(sorted(layout.roles_of(host.name)))
        )
    terminal().print(table)
