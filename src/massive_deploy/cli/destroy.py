"""`destroy`: remove the machines this tool made."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath
from massive_deploy.errors import Refused


def destroy(
    inventory: InventoryPath,
    confirm: Annotated[str, typer.Option("--confirm", help="The inventory's name: removes without asking.")] = "",
) -> None:
    """Remove every machine, network and key that `up` made for this inventory, with all data on them."""
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.prepare import target

    opened = open_inventory(inventory)
    machines = target(opened)
    present = sorted(machines.present())
    out = terminal()
    if opened.topology.target == "docker" and not present:
        machines.destroy(lambda text: out.print(text, markup=False))
        out.print(f"{opened.name}: no machine is there", markup=False)
        return
    if not confirm and opened.topology.target == "docker" and sys.stdin.isatty():
        out.print(f"This removes {', '.join(present)} and all data on them.", markup=False)
        confirm = typer.prompt(f"Type {opened.name} to go on", default="", show_default=False)
    if confirm != opened.name and opened.topology.target == "docker":
        what = f"destroy removes {', '.join(present)} and all data on them"
        raise Refused(what, f"massive-deploy destroy {inventory} --confirm {opened.name}")
    machines.destroy(lambda text: out.print(text, markup=False))
