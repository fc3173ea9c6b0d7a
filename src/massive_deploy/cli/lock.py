"""`lock`: who runs, and keeping runs away for a while."""

from __future__ import annotations

from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath, Json, echo_json
from massive_deploy.errors import Exit, MassiveDeployError

app = typer.Typer(no_args_is_help=True, help="See who runs; keep runs away for a while.")


@app.command("status")
def status(inventory: InventoryPath, *, json: Json = False) -> None:
    """Show each host's run lock and manual lock.

    Exit codes: 0 free, 4 locked, 5 some hosts did not answer.
    """
    from dataclasses import asdict

    from rich.table import Table

    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import locks
    from massive_deploy.operate.observe import session

    with session(open_inventory(inventory), bear=True) as opened:
        found = locks.status(opened)
    if json:
        echo_json([asdict(one) for one in found])
    else:
        from rich.text import Text

        table = Table("host", "run", "manual lock")
        for one in found:
            manual = str(one.manual) if one.manual is not None else "free"
            cells = (one.host, one.problem, "") if one.problem else (one.host, one.run or "free", manual)
            table.add_row(*(Text(cell) for cell in cells))
        terminal().print(table)
    locked, silent = any(not one.free for one in found), any(one.problem for one in found)
    raise typer.Exit(Exit.LOCKED if locked else Exit.PARTIAL if silent else Exit.DONE)


@app.command("acquire")
def acquire(
    inventory: InventoryPath,
    message: Annotated[str, typer.Option("--message", "-m", help="Why; shown to whoever is kept away.")],
) -> None:
    """Keep runs away from all hosts until the lock is released. A run that goes on now ends undisturbed."""
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import locks
    from massive_deploy.operate.observe import session

    if not message.strip():
        raise MassiveDeployError("a lock needs a message", "say why: -m 'moving the data center'")
    opened = open_inventory(inventory)
    with session(opened, bear=True) as live:
        found = locks.acquire(live, message, str(opened.folder))
    out = terminal()
    for one in found:
        if one.problem:
            out.print(f"{one.host} | not locked: {one.problem}", markup=False)
        elif one.run:
            out.print(f"{one.host} | a run goes on and will end first: {one.run}", markup=False)
    out.print(f"{opened.name} is locked; next: massive-deploy lock release {opened.folder}", markup=False)


@app.command("release")
def release(inventory: InventoryPath) -> None:
    """Remove the manual lock, whoever put it there.

    Exit codes: 0 done, 5 some hosts did not answer.
    """
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import locks
    from massive_deploy.operate.observe import session

    opened = open_inventory(inventory)
    with session(opened, bear=True) as live:
        found = locks.release(live)
    out = terminal()
    whose = sorted({str(one.manual) for one in found if one.manual is not None})
    for text in whose:
        out.print(f"released: {text}", markup=False)
    if not whose:
        out.print(f"{opened.name} had no manual lock", markup=False)
    silent = [one for one in found if one.problem and one.host not in live.missing]
    for one in silent:
        out.print(f"{one.host} | {one.problem}", markup=False)
    raise typer.Exit(Exit.PARTIAL if silent else Exit.DONE)
