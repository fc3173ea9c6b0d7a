"""`plan`: what `up` would do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from massive_deploy.cli.common import Hosts, InventoryPath, Json, Lose, Roles, echo_json, select, split
from massive_deploy.errors import Exit


def plan(
    inventory: InventoryPath,
    hosts: Hosts = None,
    roles: Roles = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also keep it in this file, for `up FILE`.")] = None,
    lose: Lose = None,
    *,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="For a comment on a pull request.")] = False,
) -> None:
    """Show what `up` would change, with diffs; changes nothing.

    Exit codes: 0 nothing to do, 2 changes pending, 5 a host cannot be reached or is not fit for a run.
    """
    from massive_deploy.console import print_change, terminal
    from massive_deploy.engine import report, saved
    from massive_deploy.engine.markdown import markdown as as_markdown
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.guards import leaving
    from massive_deploy.operate.up import Wish, make_plan

    opened = open_inventory(inventory)
    selection = select(opened, hosts, roles)
    found = make_plan(opened, Wish(selection, lose=split(lose)), keep=out is not None)
    if json:
        echo_json(report.as_json(found))
    elif markdown:
        typer.echo(as_markdown(found, opened.name), nl=False)
    else:
        shown = terminal()
        for line in leaving(opened):
            shown.print(line, style="yellow", markup=False)
        for line in report.lines(found):
            print_change(shown, line, line.strip()[:1])
    if out is not None:
        saved.save(found, selection, inventory, out)
    raise typer.Exit(Exit.CHANGES if found.changes else Exit.DONE)
