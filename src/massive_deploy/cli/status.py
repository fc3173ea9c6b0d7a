"""`status`: what runs where, who leads, who lags."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from massive_deploy.cli.common import InventoryPath, Json, echo_json
from massive_deploy.errors import Exit, MassiveDeployError

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.observe import Session
    from massive_deploy.operate.status import Status


def status(
    inventory: InventoryPath,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every two seconds until interrupted.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write it here too, with the overview's charts: one file that loads nothing."),
    ] = None,
    json: Json = False,
) -> None:
    """Show each host and service, the leader, every replica's lag, and where to click.

    Exit codes: 0 all is well, 1 something is not.
    """
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import status_report as report
    from massive_deploy.operate.observe import session

    if html is not None and not html.absolute().parent.is_dir():
        raise MassiveDeployError(f"no folder {html.parent}", "make it, or name another file with --html")
    opened = open_inventory(inventory)
    folder = str(opened.folder)
    with session(opened, bear=True) as live:
        found = _ask(opened, live)
        if html is not None:
            from massive_deploy.operate.status_page import page

            html.write_text(page(opened, live, found), encoding="utf-8")
        if json:
            echo_json(report.to_json(found, folder))
        elif watch:
            from rich.live import Live

            with Live(report.tables(found, folder), console=terminal(), screen=terminal().is_terminal) as shown:
                while True:
                    time.sleep(2)
                    shown.update(report.tables(_ask(opened, live), folder))
        else:
            terminal().print(report.tables(found, folder))
    if html is not None:
        terminal(stderr=True).print(f"written: {html}", markup=False)
    raise typer.Exit(Exit.DONE if found.good else Exit.FAILED)


def _ask(opened: Inventory, live: Session) -> Status:
    from massive_deploy.operate.status import collect
    from massive_deploy.operate.status_script import script

    scripts = {host: script(opened.layout, host) for host in live.reach}
    outputs = live.fleet.run_all(dict.fromkeys(scripts, "sh -s"), scripts, timeout=20)
    answers = {host: output.stdout for host, output in outputs.items() if output.stdout}
    silent = {host: output.cause for host, output in outputs.items() if not output.stdout}
    silent |= live.silent
    return collect(opened.layout, answers, silent)
