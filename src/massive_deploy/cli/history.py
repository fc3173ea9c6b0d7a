"""`history`: who ran what, when, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from massive_deploy.cli.common import InventoryPath, Json, echo_json, matching
from massive_deploy.errors import Exit

if TYPE_CHECKING:
    from massive_deploy.operate.history import Past


def history(
    inventory: InventoryPath,
    host: Annotated[str, typer.Option("--host", help="Only what ran on this host.")] = "",
    count: Annotated[int, typer.Option("-n", min=1, max=10000, help="How many runs.")] = 20,
    *,
    json: Json = False,
) -> None:
    """Show the runs that the hosts' journals and this machine's logs tell of, the newest first.

    Exit codes: 0 done, 5 some hosts did not answer.
    """
    from dataclasses import asdict

    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import history as past
    from massive_deploy.operate.observe import session

    opened = open_inventory(inventory)
    names = matching([host] if host else [], [one.name for one in opened.layout.hosts], "host")
    with session(opened, names, bear=True) as live:
        journals, silent = past.read(live, count)
        absent = live.missing
    found = past.merge(journals, past.logs(opened.name))
    if host:
        found = [one for one in found if one.hosts]
    if json:
        echo_json([{**asdict(one.record), "hosts": one.hosts, "log": one.log} for one in found[:count]])
    else:
        out = terminal()
        for one in found[:count]:
            for text in _lines(one):
                out.print(text, markup=False)
        if not found:
            out.print(f"{opened.name}: nothing was run yet", markup=False)
    for name, why in sorted(silent.items()):
        if name not in absent:
            terminal(stderr=True).print(f"{name} | {why}", markup=False)
    raise typer.Exit(Exit.PARTIAL if silent.keys() - absent else Exit.DONE)


def _lines(one: Past) -> Iterator[str]:
    record = one.record
    did = f"{record.operations} operations in {record.seconds:.0f} s" if one.hosts else "in no host's journal"
    by = f" by {record.who}" if record.who else ""
    at = f" at {record.revision}" if record.revision else ""
    yield f"{record.at}  {record.command}  {record.outcome}: {did}{by}{at}"
    if record.reason:
        yield f"    reason: {record.reason}"
    if record.error:
        yield f"    error: {record.error}"
    if one.hosts:
        yield f"    hosts: {', '.join(one.hosts)}"
    if one.log is not None:
        yield f"    log: {one.log}"
