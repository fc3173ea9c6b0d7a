"""`scale`: more or fewer of something, in one command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath, LockWait, Lose, Reason


def scale(
    inventory: InventoryPath,
    counts: Annotated[list[str], typer.Argument(metavar="COUNTS", help="app_servers=4, replicas=+1, shards=2, …")],
    *,
    lose: Lose = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take out hosts that are over without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and leave everything as it is.")] = False,
    lock_wait: LockWait = 0,
    reason: Reason = "",
) -> None:
    """Change counts in the topology, bring the hosts up to it, and retire those that are over.

    The file's comments and layout stay. When the change is refused, the file is as it was.

    Exit codes: those of `up`, and 2 for --dry-run with changes.
    """
    from massive_deploy.cli.plan import plan
    from massive_deploy.cli.up import up
    from massive_deploy.console import terminal
    from massive_deploy.errors import InvalidInput, Refused
    from massive_deploy.inventory import TOPOLOGY, open_inventory
    from massive_deploy.operate.retire import retire
    from massive_deploy.operate.scale import Edit, wanted

    before = open_inventory(inventory)
    edit = Edit(before.folder / TOPOLOGY, wanted(counts, before))
    opened = edit.apply()
    over = [host.name for host in opened.layout.leaving]
    if dry_run:
        try:
            plan(inventory)
        finally:
            edit.undo()
        return
    words = f"{', '.join(over)} will be taken out for good"
    if over and not (yes or (sys.stdin.isatty() and typer.confirm(f"{words}. Go on?"))):
        edit.undo()
        raise Refused(words, "add --yes")
    try:
        up(inventory, lose=lose, lock_wait=lock_wait, reason=reason)
    except (Refused, InvalidInput):
        edit.undo()
        raise
    out = terminal()
    for name in over:
        retire(open_inventory(inventory), name, name, lambda text: out.print(text, markup=False))
