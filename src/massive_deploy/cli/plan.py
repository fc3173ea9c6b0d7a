"""`plan`: what `up` would do."""

from __future__ import annotations

import typer

from massive_deploy.cli.common import InventoryPath, Json, echo_json
from massive_deploy.errors import Exit


def plan(inventory: InventoryPath, *, json: Json = False) -> None:
    """Show what `up` would change, with diffs; changes nothing.

    Exit codes: 0 nothing to do, 2 changes pending.
    """
    from massive_deploy.console import terminal
    from massive_deploy.engine import report
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.guards import leaving
    from massive_deploy.operate.up import make_plan

    opened = open_inventory(inventory)
    found = make_plan(opened)
    if json:
        echo_json(report.as_json(found))
    else:
        out = terminal()
        for line in leaving(opened):
            out.print(line, style="yellow", markup=False)
        for line in report.lines(found):
            text = line.strip()
            style = "green" if text.startswith("+") else "red" if text.startswith("-") else None
            out.print(line, style=style, markup=False)
    raise typer.Exit(Exit.CHANGES if found.changes else Exit.DONE)
