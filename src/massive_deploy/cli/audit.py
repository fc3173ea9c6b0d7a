"""`audit`: what an attacker would look at first, on the running hosts."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from massive_deploy.cli.common import Hosts, InventoryPath, Json, echo_json, matching


def audit(
    inventory: InventoryPath,
    hosts: Hosts = None,
    checks: Annotated[list[str] | None, typer.Option("--checks", help="Checks or globs, comma separated.")] = None,
    *,
    json: Json = False,
) -> None:
    """Look at open ports, packet filter, sandboxes, SSH, secrets, accounts, updates and certificates; change nothing.

    Exit codes: 0 all passed, 1 some failed, 5 hosts could not be asked.
    """
    from massive_deploy.audit.check import Subject, catalogue
    from massive_deploy.audit.report import Audit, table, to_json
    from massive_deploy.audit.run import judge, script
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.observe import session
    from massive_deploy.operate.prepare import prepare

    opened = open_inventory(inventory)
    names = matching(hosts or [], [host.name for host in opened.layout.hosts], "host")
    known = catalogue()
    chosen = {name: known[name] for name in matching(checks or [], known, "check")}
    # No secret is opened: that a file holds one, and who may read it, is all that matters here.
    rendered = prepare(opened, offline=True).rendered
    subjects = {
        name: Subject(str(opened.folder), opened.layout.host(name), opened.layout, rendered[name], time.time())
        for name in names
    }
    with session(opened, names, bear=True) as live:
        scripts = {name: script(chosen, subjects[name]) for name in live.reach}
        outputs = live.fleet.run_all(dict.fromkeys(scripts, "sh -s"), scripts, timeout=300)
        unreachable = {**live.silent, **{name: out.cause for name, out in outputs.items() if not out.stdout}}
    results = [
        result
        for name in names
        if name in outputs and name not in unreachable
        for result in judge(chosen, subjects[name], outputs[name].stdout)
    ]
    found = Audit(chosen, results, unreachable)
    if json:
        echo_json(to_json(found))
    else:
        terminal().print(table(found))
    raise typer.Exit(found.code)
