"""`prerender`: pages that are the same for everybody, as files on every edge host."""

from __future__ import annotations

from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath
from massive_deploy.errors import MassiveDeployError


def prerender(
    inventory: InventoryPath,
    paths: Annotated[list[str] | None, typer.Argument(help="Paths of pages. Default: those the project lists.")] = None,
) -> None:
    """Let the project write its pages that are the same for everybody, and put them on every edge host.

    nginx sends them without asking anybody, even when all that is behind it fails. The project lists them in
    MASSIVE_PRERENDER or MASSIVE_PRERENDER_SITEMAPS. Run it again when they change, and after a release.

    Exit codes: 0 done, 4 another run holds the lock, 5 a page was refused, or a host failed.
    """
    from massive_deploy.console import Reporter, RunLog
    from massive_deploy.engine.lock import locked
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import prerender as pages
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.observe import session

    opened = open_inventory(inventory)
    layout = opened.layout
    if not layout.settings["nginx"].prerendered:
        raise MassiveDeployError("roles.nginx.prerendered is false: the edge serves no such files", "set it to true")
    reporter = Reporter(RunLog(opened.name, "prerender"))
    run = Run("prerender", opened.folder, reporter.log.path)
    names = {layout.running("app")[0].name, *(host.name for host in layout.running("nginx"))}
    with (
        session(opened, names) as live,
        locked(live.fleet, live.reach, "prerender", 0, reporter.say, str(opened.folder)),
        run.journaled(live),
    ):
        edges = pages.prerender(live, opened, paths or [], run.counting(reporter.on_step))
    reporter.say(f"pages are in place on {', '.join(edges)}")
