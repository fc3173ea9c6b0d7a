"""`diff`: what an edit changes, between two git revisions."""

from __future__ import annotations

from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath
from massive_deploy.errors import Exit


def diff(
    inventory: InventoryPath,
    old: Annotated[str, typer.Argument(help="Revision to compare from.")] = "HEAD",
    new: Annotated[
        str | None, typer.Argument(help="Revision to compare to. Default: the files as they are now.")
    ] = None,
) -> None:
    """Show what the hosts would get differently between two git revisions. Contacts no host.

    Exit codes: 0 the same, 2 different.
    """
    from massive_deploy.console import print_change, terminal
    from massive_deploy.operate.compare import compare

    out, different = terminal(), False
    for line in compare(inventory, old, new):
        different = True
        print_change(out, line, line[:1])
    raise typer.Exit(Exit.CHANGES if different else Exit.DONE)
