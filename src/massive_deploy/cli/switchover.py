"""`switchover`: another member of a cluster becomes its leader, as planned."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath, Json, echo_json

ClusterName = Annotated[
    str, typer.Option("--cluster", metavar="N|NAME", help="Which database cluster, where there are several.")
]


def switchover(
    inventory: InventoryPath,
    *,
    cluster: ClusterName = "",
    to: Annotated[str, typer.Option("--to", metavar="HOST", help="The next leader. Default: the first replica.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Go on without asking.")] = False,
    despite: Annotated[
        bool, typer.Option("--despite", help="Go on despite long transactions, base backups, clients not held back.")
    ] = False,
    json: Json = False,
) -> None:
    """Make another member the leader of a database cluster. With pgbouncer, clients wait meanwhile, and no query fails.

    Exit codes: 0 done, 3 refused (nobody is fit, or now is no good time), 4 another run holds the lock, 5 it failed.
    """
    from massive_deploy.console import Reporter, RunLog
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.candidates import Table
    from massive_deploy.operate.candidates_report import shown
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.switchover import Wish, json_of
    from massive_deploy.operate.switchover import switchover as carry_out

    opened = open_inventory(inventory)
    reporter = Reporter(RunLog(opened.name, "switchover"))
    say = reporter.log.write if json else reporter.say

    def show(table: Table) -> None:
        if not json:
            reporter.out.print(shown(table))

    def agreed(_: Table, words: str) -> bool:
        return yes or (sys.stdin.isatty() and typer.confirm(f"{words}. Go on?"))

    wish = Wish(cluster, to, despite, agreed)
    report = carry_out(opened, wish, Run("switchover", opened.folder, reporter.log.path), show, say)
    for text in report.warnings:
        say(text)
    if json:
        echo_json(json_of(report))
