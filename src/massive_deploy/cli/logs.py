"""`logs`: what the services of the hosts write, as one stream."""

from __future__ import annotations

import json as encoding
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from massive_deploy.cli.common import Hosts, InventoryPath, Json, Roles, matching, split
from massive_deploy.errors import Exit, MassiveDeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.logs import Line, Query

    Show = Callable[[Line], None]
    Units = Mapping[str, Sequence[str]]

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
    collected: Annotated[
        bool, typer.Option("--collected", help="Ask the monitor host alone, which has the journals of all.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the journal of the roles' units and nginx's logs of all hosts by time, each line with its host.

    Of a host that does not answer, what the monitor host has of its journal is shown. nginx's files are not collected.
    With --json one object a line: host, at, text, collected.

    Exit codes: 0 done, 5 some hosts did not answer.
    """
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import logs as written
    from massive_deploy.operate.prepare import prepare

    if collected and follow:
        raise MassiveDeployError("what is collected cannot be followed", "leave out --follow or --collected")
    opened = open_inventory(inventory)
    names = matching(hosts or [], [host.name for host in opened.layout.hosts], "host")
    wanted = matching(roles, sorted(opened.layout.roles), "role") if roles else []
    query = written.Query(written.since(since, datetime.now(UTC)) if since else None, grep, count, follow)
    rendered = prepare(opened, offline=True).rendered
    listed = {host: written.units(rendered[host], wanted, split(unit)) for host in names}
    listed = {host: found for host, found in listed.items() if found}
    if not listed:
        raise MassiveDeployError("none of these hosts runs any of these roles", "see: massive-deploy hosts")
    show = _as_json if json else _printer(list(listed))
    ask = _follow if follow else _collected if collected else _asked
    silent = ask(opened, listed, query, show)
    _tell(silent)
    raise typer.Exit(Exit.PARTIAL if silent else Exit.DONE)


def _follow(opened: Inventory, listed: Units, query: Query, show: Show) -> Mapping[str, str]:
    """Shows lines as they come; returns why, for hosts that do not answer."""
    from massive_deploy.operate.logs import line, script
    from massive_deploy.operate.observe import session

    with session(opened, listed, bear=True) as live:
        asked = {host: script(found, query) for host, found in listed.items() if host in live.reach}
        return live.silent | live.fleet.follow(asked, lambda host, text: show(line(host, text)))


def _asked(opened: Inventory, listed: Units, query: Query, show: Show) -> Mapping[str, str]:
    """Asks the hosts themselves, and the receiver for those that do not answer; returns why they do not."""
    from massive_deploy.collected import receiver
    from massive_deploy.operate import logs as written
    from massive_deploy.operate.logs_collected import Found, read
    from massive_deploy.operate.observe import session

    with session(opened, listed, bear=True) as live:
        scripts = {host: written.script(found, query) for host, found in listed.items() if host in live.reach}
        outputs = live.fleet.run_all(scripts, timeout=120)
        silent = live.silent | {host: output.cause for host, output in outputs.items() if not output.ok}
    texts = {host: output.stdout for host, output in outputs.items()}
    collects, found = receiver(opened.layout), Found()
    gone = {host: units for host, units in listed.items() if host in silent}
    if gone and collects is not None and collects.name not in silent:
        with session(opened, [collects.name], bear=True) as live:
            if collects.name in live.reach:
                found = read(live.fleet, opened.layout, gone, query)
    for one in written.merged({**texts, **found.texts}, query, found.texts):
        show(one)
    note = f"what {collects.name} has of its journal is shown" if collects is not None else ""
    return {host: f"{why}; {note}" if host in found.texts else why for host, why in silent.items()}


def _collected(opened: Inventory, listed: Units, query: Query, show: Show) -> Mapping[str, str]:
    """Asks the receiver for all; returns why, for hosts of which it has nothing."""
    from massive_deploy.collected import receiver
    from massive_deploy.operate.logs import merged
    from massive_deploy.operate.logs_collected import read
    from massive_deploy.operate.observe import session

    collects = receiver(opened.layout)
    if collects is None:
        raise MassiveDeployError("no journal is collected in this stack", "leave out --collected")
    with session(opened, [collects.name], bear=True) as live:
        if live.silent:
            return live.silent
        found = read(live.fleet, opened.layout, listed, query)
    sent = set(found.texts) - {collects.name}
    for one in merged(found.texts, query, sent):
        show(one)
    return found.missing


def _tell(silent: Mapping[str, str]) -> None:
    from massive_deploy.console import terminal

    for host, why in sorted(silent.items()):
        terminal(stderr=True).print(f"{host} | {why}", markup=False)


def _as_json(one: Line) -> None:
    at = one.at.isoformat() if one.at is not None else None
    typer.echo(encoding.dumps({"host": one.host, "at": at, "text": one.text, "collected": one.collected}))


def _printer(hosts: Sequence[str]) -> Show:
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
