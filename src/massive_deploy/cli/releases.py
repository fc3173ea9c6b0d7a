"""`releases`: what runs, what ran before, what can be gone back to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from massive_deploy.cli.common import InventoryPath, Json, echo_json
from massive_deploy.errors import Exit

if TYPE_CHECKING:
    from rich.table import Table

    from massive_deploy.operate.releases import Known


def releases(inventory: InventoryPath, *, json: Json = False) -> None:
    """Show the releases the app hosts keep: where from, since when, and which one runs where.

    Exit codes: 0 done, 5 some hosts did not answer.
    """
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import releases as kept
    from massive_deploy.operate.chosen import load_chosen
    from massive_deploy.operate.deploy import app_hosts
    from massive_deploy.operate.observe import session

    opened = open_inventory(inventory)
    with session(opened, app_hosts(opened.layout), bear=True) as live:
        found = kept.table(kept.read(live))
        silent = {**live.unreachable}
    if json:
        echo_json(kept.as_json(found))
    else:
        out = terminal()
        out.print(_table(found))
        if chosen := load_chosen(opened.folder):
            out.print(f"`up` keeps {chosen}", markup=False)
    for host, why in sorted(silent.items()):
        terminal(stderr=True).print(f"{host} | {why}", markup=False)
    raise typer.Exit(Exit.PARTIAL if silent else Exit.DONE)


def _table(found: list[Known]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from massive_deploy.operate.releases import origin

    table = Table("release", "from", "started (UTC)", "runs on", "", box=None, header_style="dim", pad_edge=False)
    for one in found:
        at = one.at.strftime("%Y-%m-%d %H:%M:%S") if one.at is not None else ""
        style = "bold green" if one.current else ""
        table.add_row(
            Text(one.release, style), Text(origin(one.ref, one.commit)), at, ", ".join(one.current), _state(one)
        )
    return table


def _state(one: Known) -> str:
    words = []
    if one.previous and not one.current:
        words.append("previous")
    if one.went_back:
        words.append(f"failed on {', '.join(one.went_back)}")
    if not one.current:
        words.append(f"kept on {', '.join(one.kept)}")
    return "; ".join(words)
