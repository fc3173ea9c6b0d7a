"""`traffic`: what visitors asked the edge for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from massive_deploy.cli.common import Hosts, InventoryPath, Json, echo_json, matching
from massive_deploy.errors import Exit, HostFailure, HostsFailed, MassiveDeployError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.traffic.script import Span
    from massive_deploy.operate.traffic.tally import Tally

PATIENCE = 1800
"""Seconds a host may count."""


def traffic(
    inventory: InventoryPath,
    hosts: Hosts = None,
    since: Annotated[str, typer.Option("--since", help="10m, 2h, 1d, or 2026-01-31T12:00 (UTC).")] = "10m",
    until: Annotated[str, typer.Option("--until", help="The same. Default: now.")] = "",
    top: Annotated[int, typer.Option("--top", min=1, max=200, help="Rows of each table.")] = 10,
    html: Annotated[Path | None, typer.Option("--html", help="Write it as one HTML file.", dir_okay=False)] = None,
    *,
    json: Json = False,
) -> None:
    """Show what was asked of the edge servers: statuses, caches, times, paths, agents and networks of clients.

    Counted on the edge hosts from nginx's access logs, at low priority; the logs are not copied.

    Exit codes: 0 done, 5 some hosts did not answer.
    """
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.logs import since as moment
    from massive_deploy.operate.traffic.script import Span
    from massive_deploy.operate.traffic.tally import to_json, total

    opened = open_inventory(inventory)
    edges = [host.name for host in opened.layout.running("nginx")]
    if not edges:
        raise MassiveDeployError("this stack has no edge server", "see: massive-deploy hosts")
    now = datetime.now(UTC)
    span = Span(int(moment(since, now).timestamp()), int((moment(until, now) if until else now).timestamp()))
    if span.until <= span.since:
        raise MassiveDeployError("--until is not after --since", "write for instance --since 2h --until 1h")
    tallies, silent = _count(opened, matching(hosts or [], edges, "edge server"), span)
    if not tallies:
        hint = "see whether the host is healthy, then run this again"
        raise HostsFailed([HostFailure(host, "connect", "count", why, hint) for host, why in silent.items()])
    found, share = total(tallies.values()), {host: one.requests for host, one in tallies.items()}
    if json:
        echo_json(to_json(found, share, span, top))
    elif html is None:
        from massive_deploy.operate.traffic.report import report

        terminal().print(report(found, share, span, top))
    if html is not None:
        from massive_deploy.operate.traffic.page import page

        html.write_text(page(found, share, span, top, opened.name), encoding="utf-8")
        terminal(stderr=True).print(f"written: {html}", markup=False, soft_wrap=True)
    for host, why in sorted(silent.items()):
        terminal(stderr=True).print(f"{host} | {why}", markup=False)
    raise typer.Exit(Exit.PARTIAL if silent else Exit.DONE)


def _count(opened: Inventory, hosts: Iterable[str], span: Span) -> tuple[Mapping[str, Tally], Mapping[str, str]]:
    """What each host has counted, and why some have not."""
    from massive_deploy.operate.observe import session
    from massive_deploy.operate.traffic.script import script
    from massive_deploy.operate.traffic.tally import parse

    apps = {host.name for host in opened.layout.running("app")}
    with session(opened, hosts, bear=True) as live:
        # Where an app server shares the host, its nginx writes to the same log.
        asked = {host: script(span, opened.layout.port("app", "http") if host in apps else None) for host in live.reach}
        outputs = live.fleet.run_all(dict.fromkeys(asked, "sh -s"), asked, timeout=PATIENCE)
        silent = dict(live.silent)
    tallies = {}
    for host, output in outputs.items():
        try:
            tallies[host] = parse(output.stdout)
        except ValueError as error:
            silent[host] = output.cause if not output.ok else str(error)
    return tallies, silent
