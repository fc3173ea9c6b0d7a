"""`rollback`: a release that the app hosts keep runs again."""

from __future__ import annotations

from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath, LockWait, Reason
from massive_deploy.cli.deploy import ending


def rollback(
    inventory: InventoryPath,
    release: Annotated[
        str, typer.Argument(help="Id of a kept release, or its beginning. Default: the one before.", show_default=False)
    ] = "",
    lock_wait: LockWait = 0,
    reason: Reason = "",
) -> None:
    """Go back to the release before, or to a kept one, host by host. Builds nothing; migrations stay applied.

    `up` keeps it until the next `deploy`.

    Exit codes: 0 done, 3 refused, 4 another run holds the lock, 5 it failed on a host, 130 interrupted.
    """
    from massive_deploy.console import Reporter, RunLog
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.deploy import Wish
    from massive_deploy.operate.rollback import rollback as go_back

    opened = open_inventory(inventory)
    reporter = Reporter(RunLog(opened.name, "rollback"))
    try:
        outcome = go_back(opened, release, reporter, Wish(lock_wait, reason))
    except KeyboardInterrupt:
        raise reporter.interrupted(f"massive-deploy rollback {inventory} {release}".rstrip()) from None
    finally:
        reporter.say(f"log: {reporter.log.path}")
    ending(reporter, outcome, str(inventory))
