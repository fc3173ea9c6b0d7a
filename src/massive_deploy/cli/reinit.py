"""`reinit`: a replica's copy is taken anew from the leader."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath


def reinit(
    inventory: InventoryPath,
    host: Annotated[str, typer.Argument(help="A replica that is stuck or has gone its own way.")],
    confirm: Annotated[str, typer.Option("--confirm", help="The host's name: goes on without asking.")] = "",
) -> None:
    """Throw a replica's copy of the data away and take a new one from the leader; waits until it streams.

    Exit codes: 0 done, 3 refused (it leads, nobody leads, not confirmed), 4 another run holds the lock, 5 it failed.
    """
    from massive_deploy.console import Reporter, RunLog
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.candidates_report import shown
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.reinit import reinit as make_anew

    opened = open_inventory(inventory)
    if not confirm and sys.stdin.isatty():
        confirm = typer.prompt(f"Type {host} to throw its copy away", default="", show_default=False)
    reporter = Reporter(RunLog(opened.name, "reinit"))
    run = Run("reinit", opened.folder, reporter.log.path)
    make_anew(opened, host, confirm, run, lambda table: reporter.out.print(shown(table)), reporter.say)
