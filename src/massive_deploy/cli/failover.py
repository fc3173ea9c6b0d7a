"""`failover`: a replica becomes the leader of a cluster whose leader is gone or stuck."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath, Json, echo_json
from massive_deploy.cli.switchover import ClusterName


def failover(
    inventory: InventoryPath,
    *,
    cluster: ClusterName = "",
    to: Annotated[str, typer.Option("--to", metavar="HOST", help="Default: the replica that lacks least.")] = "",
    confirm: Annotated[
        str, typer.Option("--confirm", metavar="CLUSTER", help="The cluster's name: goes on without asking.")
    ] = "",
    json: Json = False,
) -> None:
    """Make a replica the leader of a database cluster whose leader is gone or takes no writes.

    Patroni does so by itself; this is for when it does not. What the replica has not received is lost; a replica
    further behind than failover.max_lag is refused.

    Exit codes: 0 done, 3 refused (there is a leader, nobody is fit, not confirmed), 4 another run holds the lock, 5 it
    failed.
    """
    from massive_deploy.console import Reporter, RunLog
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.candidates import Table
    from massive_deploy.operate.candidates_report import shown
    from massive_deploy.operate.failover import failover as carry_out
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.look import the_cluster
    from massive_deploy.operate.switchover import json_of

    opened = open_inventory(inventory)
    if not confirm and sys.stdin.isatty() and not json:
        name = the_cluster(opened.layout, cluster).name
        confirm = typer.prompt(f"Type {name} to promote a replica without asking the leader", default="")
    reporter = Reporter(RunLog(opened.name, "failover"))
    say = reporter.log.write if json else reporter.say

    def show(table: Table) -> None:
        if not json:
            reporter.out.print(shown(table))

    run = Run("failover", opened.folder, reporter.log.path)
    report = carry_out(opened, cluster, to, confirm, run, show, say)
    for text in report.warnings:
        say(text)
    if json:
        echo_json(json_of(report))
