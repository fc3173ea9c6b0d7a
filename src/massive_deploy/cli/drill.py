"""`drill`: break something on purpose, and see what users notice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from massive_deploy.cli.common import Json, echo_json
from massive_deploy.errors import Exit, Interrupted, MassiveDeployError


def drill(
    inventory: Annotated[Path | None, typer.Argument(help="Folder with topology.yaml.", show_default=False)] = None,
    fault: Annotated[str, typer.Argument(help="Its name; see --list.", show_default=False)] = "",
    *,
    cluster: Annotated[int, typer.Option("--cluster", min=1, help="Number of the database cluster.")] = 1,
    hold: Annotated[
        int | None,
        typer.Option("--hold", min=0, max=3600, help="Seconds until it is undone. Default: the fault's own."),
    ] = None,
    seconds: Annotated[int, typer.Option("--seconds", min=0, max=3600, help="Measure at least this long.")] = 30,
    html: Annotated[Path | None, typer.Option("--html", help="Write the result with its timeline here.")] = None,
    reboot: Annotated[bool, typer.Option("--reboot", help="A given machine may be reset for a power-off.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show the faults.")] = False,
    json: Json = False,
) -> None:
    """Inject a fault into a staging stack while probes write and read, undo it, and tell what was noticed.

    Exit codes: 0 done and safe, 1 writes were lost, two leaders, or not well again, 3 refused, 4 lock held.
    """
    if listed:
        _list(json)
        return
    if inventory is None or not fault:
        raise MassiveDeployError(
            "a drill needs an inventory and a fault", "massive-deploy drill INVENTORY FAULT; see: --list"
        )
    from massive_deploy.console import RunLog, terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.drills import page, report
    from massive_deploy.operate.drills.run import Wish
    from massive_deploy.operate.drills.run import drill as run
    from massive_deploy.operate.journal import Run

    out = terminal(stderr=json)
    wish = Wish(fault, cluster, hold, seconds, reboot)
    opened = open_inventory(inventory)
    if html is not None and not html.parent.is_dir():
        raise MassiveDeployError(f"no folder {html.parent}", "make it, or name another file with --html")
    log = RunLog(opened.name, "drill")

    def say(text: str) -> None:
        log.write(text)
        out.print(text, markup=False)

    try:
        done = run(opened, wish, Run("drill", opened.folder, log.path, fault), say)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the fault is undone", f"massive-deploy status {inventory}") from None
    if html is not None:
        html.write_text(page.page(done), encoding="utf-8")
        out.print(f"written: {html}", markup=False)
    if json:
        echo_json(done.result.to_json())
    else:
        out.print(report.table(done.result))
    for line in report.sentences(done.result, str(inventory)):
        out.print(line, markup=False)
    well = done.result.safe and done.result.recovery is not None
    raise typer.Exit(Exit.DONE if well else Exit.FAILED)


def _list(json: bool) -> None:
    from massive_deploy.console import terminal
    from massive_deploy.operate.drills import report
    from massive_deploy.operate.drills.faults import FAULTS

    if json:
        keys = ("name", "summary", "expected", "hold")
        echo_json([{key: getattr(one, key) for key in keys} for one in FAULTS.values()])
    else:
        terminal().print(report.listed(FAULTS.values()))
