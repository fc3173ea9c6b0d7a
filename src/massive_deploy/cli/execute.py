"""`exec`: run a command on hosts."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from massive_deploy.cli.common import Hosts, InventoryPath, Roles, matching
from massive_deploy.errors import Exit


def execute(
    inventory: InventoryPath,
    command: Annotated[list[str], typer.Argument(help="Command and its arguments; write -- before it.")],
    hosts: Hosts = None,
    roles: Roles = None,
) -> None:
    """Run a command as root on hosts at the same time; output is prefixed with the host."""
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.observe import session

    opened = open_inventory(inventory)
    names = matching(hosts or [], [host.name for host in opened.layout.hosts], "host")
    if roles:
        chosen = matching(roles, sorted(opened.layout.roles), "role")
        names = [name for name in names if any(name in opened.layout.roles[role] for role in chosen)]
    out, failed = terminal(), False
    with session(opened, names) as live:
        for host, output in live.fleet.run_all(dict.fromkeys(live.reach, shlex.join(command)), timeout=600).items():
            failed |= not output.ok
            for line in (output.stdout + ("\n" + output.stderr if output.stderr else "")).splitlines():
                out.print(f"{host} | {line}", markup=False)
    raise typer.Exit(Exit.FAILED if failed else Exit.DONE)
