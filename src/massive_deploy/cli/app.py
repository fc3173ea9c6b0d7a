"""All commands, in the order of their help."""

from __future__ import annotations

from typing import Annotated

import typer

from massive_deploy import __version__
from massive_deploy.cli import (
    audit,
    ca,
    deploy,
    destroy,
    diff,
    drain,
    drill,
    execute,
    explain,
    failover,
    graph,
    history,
    hosts,
    init,
    lock,
    logs,
    maintenance,
    plan,
    prerender,
    reinit,
    releases,
    render,
    retire,
    rollback,
    scale,
    schema,
    secrets,
    shard,
    status,
    switchover,
    traffic,
    up,
    validate,
    verify,
)

app = typer.Typer(
    name="massive-deploy",
    help="From one topology file to a running, verified, monitored Django stack.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

WRITE, RUN, LOOK = "Describe", "Run", "Look"

app.command("init", rich_help_panel=WRITE)(init.init)
app.command("validate", rich_help_panel=WRITE)(validate.validate)
app.command("explain", rich_help_panel=WRITE)(explain.explain)
app.command("schema", rich_help_panel=WRITE)(schema.schema)
app.command("render", rich_help_panel=WRITE)(render.render)
app.command("diff", rich_help_panel=WRITE)(diff.diff)
app.command("graph", rich_help_panel=WRITE)(graph.graph)
app.add_typer(secrets.app, name="secrets", rich_help_panel=WRITE)
app.command("ca", rich_help_panel=WRITE)(ca.ca)
app.command("plan", rich_help_panel=RUN)(plan.plan)
app.command("up", rich_help_panel=RUN)(up.up)
app.command("scale", rich_help_panel=RUN)(scale.scale)
app.command("deploy", rich_help_panel=RUN)(deploy.deploy)
app.command("rollback", rich_help_panel=RUN)(rollback.rollback)
app.command("prerender", rich_help_panel=RUN)(prerender.prerender)
app.add_typer(shard.app, name="shard", rich_help_panel=RUN)
app.add_typer(maintenance.app, name="maintenance", rich_help_panel=RUN)
app.command("drain", rich_help_panel=RUN)(drain.drain)
app.command("undrain", rich_help_panel=RUN)(drain.undrain)
app.add_typer(lock.app, name="lock", rich_help_panel=RUN)
app.command("exec", rich_help_panel=RUN, context_settings={"ignore_unknown_options": True})(execute.execute)
app.command("switchover", rich_help_panel=RUN)(switchover.switchover)
app.command("failover", rich_help_panel=RUN)(failover.failover)
app.command("reinit", rich_help_panel=RUN)(reinit.reinit)
app.command("drill", rich_help_panel=RUN)(drill.drill)
app.command("retire", rich_help_panel=RUN)(retire.retire)
app.command("destroy", rich_help_panel=RUN)(destroy.destroy)
app.command("status", rich_help_panel=LOOK)(status.status)
app.command("verify", rich_help_panel=LOOK)(verify.verify)
app.command("audit", rich_help_panel=LOOK)(audit.audit)
app.command("releases", rich_help_panel=LOOK)(releases.releases)
app.command("logs", rich_help_panel=LOOK)(logs.logs)
app.command("traffic", rich_help_panel=LOOK)(traffic.traffic)
app.command("hosts", rich_help_panel=LOOK)(hosts.hosts)
app.command("history", rich_help_panel=LOOK)(history.history)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """From one topology file to a running, verified, monitored Django stack."""
