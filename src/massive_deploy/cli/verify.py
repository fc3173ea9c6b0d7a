"""`verify`: the roles' acceptance checks on the running hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from massive_deploy.cli.common import Hosts, InventoryPath, Json, Roles, echo_json, matching
from massive_deploy.errors import Exit


def verify(
    inventory: InventoryPath,
    hosts: Hosts = None,
    roles: Roles = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Also write JUnit XML to this file.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="List every check, not only what failed.")] = False,
    nagios: Annotated[bool, typer.Option("--nagios", help="One line and exit code for a monitoring system.")] = False,
    json: Json = False,
) -> None:
    """Run the acceptance checks of every role on its hosts, over SSH.

    Exit codes: 0 all passed, 1 some failed (with --nagios: 2 critical).
    """
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.prepare import machines, prepare, target
    from massive_deploy.verify import report
    from massive_deploy.verify.run import run_checks

    opened = open_inventory(inventory)
    layout = opened.layout
    chosen_hosts = matching(hosts or [], [host.name for host in layout.hosts], "host")
    chosen_roles = matching(roles or [], sorted(layout.roles), "role")
    renderer = prepare(opened).renderer
    views = {
        (role, host): renderer.view(role, host)
        for role, names in sorted(layout.roles.items())
        for host in names
        if role in chosen_roles and host in chosen_hosts
    }
    results = run_checks(views, target(opened).reach(machines(opened)))
    bad = [result for result in results if result.bad]
    if junit is not None:
        junit.write_text(report.junit(results), encoding="utf-8")
    if nagios:
        line, code = report.nagios(results)
        typer.echo(line)
        raise typer.Exit(code)
    if json:
        echo_json(report.to_json(results))
    else:
        out = terminal()
        out.print(report.table(results, every=every))
    raise typer.Exit(Exit.FAILED if bad else Exit.DONE)
