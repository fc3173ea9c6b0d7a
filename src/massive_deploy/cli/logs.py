"""`logs`: what the services of the hosts write, as one stream."""

from __future__ import annotations

import json as encoding
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from massive_deploy.cli.common import Hosts, InventoryPath, Json, Roles, matching, split
from massive_deploy.errors import Exit, MassiveDeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from massive_deploy.operate.logs import Line

COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_yellow")


def logs(
    inventory: InventoryPath,
    hosts: Hosts = None,
    roles: Roles = None,
    unit: Annotated[list[str] | None, typer.Option("--unit", help="systemd units instead of the roles' own.")] = None,
    since: Annotated[str, typer.Option("--since", help="10m, 2h, 1d, or 2026-01-31T12:00 (UTC).")] = "",
    grep: Annotated[str, typer.Option("--grep", help="Only lines that match this extended regular expression.")] = "",
    count: Annotated[int, typer.Option("-n", min=1, max=100000, help="Newest lines of each source.")] = 200,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
    json: Json = False,
) -> None:
    """Show the journal of the roles' units and nginx's logs of all hosts by time, each line with its host.

    With --json one object a line: host, at, text.

    Exit codes: 0 done, 5 some hosts did not answer.
    """
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import logs as written
    from massive_deploy.operate.observe import session
    from massive_deploy.operate.prepare import prepare

    opened = open_inventory(inventory)
    names = matching(hosts or [], [host.name for host in opened.layout.hosts], "host")
    wanted = matching(roles, sorted(opened.layout.roles), "role") if roles else []
    start = written.since(since, datetime.now(UTC)) if since else None
    query = written.Query(start, grep, count, follow)
    rendered = prepare(opened, offline=True).rendered
    listed = {host: written.units(rendered[host], wanted, split(unit)) for host in names}
    scripts = {host: written.script(found, query) for host, found in listed.items() if found}
    if not scripts:
        raise MassiveDeployError("none of these hosts runs any of these roles", "see: massive-deploy hosts")
    show = _as_json if json else _printer(list(scripts))
    with session(opened, scripts, bear=True) as live:
        asked = {host: script for host, script in scripts.items() if host in live.reach}
        silent = live.silent
        if follow:
            silent |= live.fleet.follow(asked, lambda host, text: show(written.line(host, text)))
        else:
            outputs = live.fleet.run_all(asked, timeout=120)
            silent |= {host: output.cause for host, output in outputs.items() if not output.ok}
            for one in written.merged({host: output.stdout for host, output in outputs.items()}, query):
                show(one)
    for host, why in sorted(silent.items()):
        terminal(stderr=True).print(f"{host} | {why}", markup=False)
    raise typer.Exit(Exit.PARTIAL if silent else Exit.DONE)


def _as_json(one: Line) -> None:
    at = one.at.isoformat() if one.at is not None else None
    typer.echo(encoding.dumps({"host": one.host, "at": at, "text": one.text}))


def _printer(hosts: Sequence[str]) -> Callable[[Line], None]:
    from rich.text import Text

    from massive_deploy.console import terminal

    out = terminal()
    colours = {host: COLOURS[number % len(COLOURS)] for number, host in enumerate(hosts)}
    width = max(len(host) for host in hosts)

    def show(one: Line) -> None:
        # What was logged must not steer the terminal.
        text = "".join(char if char.isprintable() or char == "\t" else " " for char in one.text)
        out.print(Text.assemble((f"{one.host:{width}} | ", colours[one.host]), text), soft_wrap=True)

    return show
