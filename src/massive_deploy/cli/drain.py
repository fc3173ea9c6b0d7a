"""`drain` and `undrain`: an app host out of service, and back."""

from __future__ import annotations

from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath
from massive_deploy.errors import HostFailure, HostsFailed

HostName = Annotated[str, typer.Argument(help="An app host.", metavar="HOST")]


def drain(
    inventory: InventoryPath,
    host: HostName,
    wait: Annotated[int, typer.Option("--wait", min=5, help="Seconds to wait for requests in flight.")] = 60,
) -> None:
    """Take an app host out of service: no cache sends it requests, and those in flight are waited for.

    It stays out through `up`, `deploy` and restarts of the host, which go on bringing it what the others get, until
    `undrain`.

    Exit codes: 0 done, 3 it is the last one in service, 4 another run holds the lock, 5 requests are still in flight:
    it stays drained.
    """
    from massive_deploy.console import Reporter, RunLog
    from massive_deploy.engine.lock import locked
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import drained
    from massive_deploy.operate.deploy import app_hosts
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.observe import session
    from massive_deploy.operate.prepare import prepare

    opened = open_inventory(inventory)
    reporter = Reporter(RunLog(opened.name, "drain"))
    wanted = prepare(opened, offline=True).rendered.get(host, {}).get(drained.ROLE)
    idle = wanted.rolling.idle if wanted is not None and wanted.rolling is not None else "true"
    run = Run("drain", opened.folder, reporter.log.path, host)
    with (
        session(opened, app_hosts(opened.layout), bear=True) as live,
        locked(live.fleet, live.reach, f"drain {host}", 0, reporter.say, str(opened.folder)),
        run.journaled(live),
    ):
        done = drained.drain(live, opened.layout, host, idle, wait, reporter.say)
        run.operations = 1
    if not done:
        hint = f"wait, then look again: massive-deploy drain {inventory} {host}"
        raise HostsFailed([HostFailure(host, "drain", "wait", f"requests are in flight after {wait} s", hint)])
    reporter.say(f"{host}: nothing is in flight; next: massive-deploy undrain {inventory} {host}")


def undrain(inventory: InventoryPath, host: HostName) -> None:
    """Put an app host back in service.

    Exit codes: 0 done, 4 another run holds the lock.
    """
    from massive_deploy.console import Reporter, RunLog
    from massive_deploy.engine.lock import locked
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate import drained
    from massive_deploy.operate.deploy import app_hosts
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.observe import session

    opened = open_inventory(inventory)
    drained.must_be_app_host(opened.layout, host)
    reporter = Reporter(RunLog(opened.name, "undrain"))
    run = Run("undrain", opened.folder, reporter.log.path, host)
    with (
        session(opened, app_hosts(opened.layout), bear=True) as live,
        locked(live.fleet, live.reach, f"undrain {host}", 0, reporter.say, str(opened.folder)),
        run.journaled(live),
    ):
        was = drained.undrain(live, opened.layout, host)
        run.operations = int(was)
    reporter.say(f"{host}: back in service" if was else f"{host} was not drained")
