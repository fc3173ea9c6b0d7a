"""`retire`: take a host out for good."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath


def retire(
    inventory: InventoryPath,
    host: Annotated[str, typer.Argument(help="A host that the topology no longer has.")],
    confirm: Annotated[str, typer.Option("--confirm", help="The host's name: retires without asking.")] = "",
) -> None:
    """Stop everything on a host that left the topology, and forget it; machines made here are removed.

    Exit codes: 0 done, 3 refused (still in the topology, leads a cluster, not confirmed).
    """
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.retire import retire as take_out

    out = terminal()
    if not confirm and sys.stdin.isatty():
        confirm = typer.prompt(f"Type {host} to retire it", default="", show_default=False)
    take_out(open_inventory(inventory), host, confirm, lambda text: out.print(text, markup=False))
