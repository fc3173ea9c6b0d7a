"""`maintenance`: the page that visitors see while the site is being worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from massive_deploy.cli.common import InventoryPath, Json, echo_json
from massive_deploy.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from massive_deploy.operate.maintenance import Mode

app = typer.Typer(no_args_is_help=True, help="Show every visitor the maintenance page, or the site again.")
Despite = Annotated[bool, typer.Option("--despite", help="Go on without edge hosts that do not answer.")]


@app.command("on")
def on(inventory: InventoryPath, *, despite: Despite = False) -> None:
    """Answer 503 with the maintenance page on every edge host. It stays through runs and restarts.

    Exit codes: 0 done, 5 a host does not answer: then none shows it.
    """
    _switch(inventory, on=True, despite=despite)


@app.command("off")
def off(inventory: InventoryPath, *, despite: Despite = False) -> None:
    """Serve the site again.

    Exit codes: 0 done, 5 a host does not answer: then all still show the page.
    """
    _switch(inventory, on=False, despite=despite)


@app.command("status")
def status(inventory: InventoryPath, *, json: Json = False) -> None:
    """Show which edge hosts show the page, and since when.

    Exit codes: 0 done, 5 some hosts did not answer.
    """
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import maintenance
    from massive_deploy.operate.observe import session

    opened = open_inventory(inventory)
    with session(opened, maintenance.edges(opened), bear=True) as live:
        found = maintenance.status(live)
    if json:
        from dataclasses import asdict

        echo_json([asdict(one) for one in found])
    else:
        _show(found)
    raise typer.Exit(Exit.PARTIAL if any(one.problem for one in found) else Exit.DONE)


def _switch(inventory: InventoryPath, *, on: bool, despite: bool) -> None:
    from massive_deploy.console import RunLog
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import maintenance
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.observe import session

    opened = open_inventory(inventory)
    command = f"maintenance {'on' if on else 'off'}"
    run = Run(command, opened.folder, RunLog(opened.name, command.replace(" ", "-")).path)
    with session(opened, maintenance.edges(opened), bear=True) as live, run.journaled(live):
        found = maintenance.switch(live, opened, on=on, despite=despite)
        run.operations = len(live.reach)
    _show(found)


def _show(found: Sequence[Mode]) -> None:
    from massive_deploy.console import terminal

    out = terminal()
    for one in found:
        said = one.problem or (f"shows the maintenance page since {one.since}" if one.since else "serves the site")
        out.print(f"{one.host} | {said}", markup=False)
