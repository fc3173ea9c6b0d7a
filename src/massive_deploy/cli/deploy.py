"""`deploy`: the project's next version on all app hosts, one host after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from massive_deploy.cli.common import InventoryPath, LockWait, Reason

if TYPE_CHECKING:
    from massive_deploy.console import Reporter
    from massive_deploy.operate.deploy import Outcome


def deploy(
    inventory: InventoryPath,
    ref: Annotated[
        str | None, typer.Option("--ref", help="Branch, tag or commit. Default: what the topology says.")
    ] = None,
    lock_wait: LockWait = 0,
    reason: Reason = "",
) -> None:
    """Bring the project's next version to the app hosts: built once, migrated once, then host by host.

    Each host is drained, switched, and asked before it gets requests again. A host on which it fails goes back to the
    release before by itself, and the run ends there.

    Exit codes: 0 done, 3 refused, 4 another run holds the lock, 5 it failed on a host, 6 the topology is wrong,
    130 interrupted.
    """
    from massive_deploy.console import Reporter, RunLog
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.deploy import Wish, choose
    from massive_deploy.operate.deploy import deploy as bring

    opened = open_inventory(inventory)
    reporter = Reporter(RunLog(opened.name, "deploy"))
    again = f"massive-deploy deploy {inventory}" + (f" --ref {ref}" if ref else "")
    try:
        outcome = bring(opened, choose(opened, ref), reporter, Wish(lock_wait, reason), "deploy")
    except KeyboardInterrupt:
        raise reporter.interrupted(again) from None
    finally:
        reporter.say(f"log: {reporter.log.path}")
    ending(reporter, outcome, str(inventory))


def ending(reporter: Reporter, outcome: Outcome, inventory: str) -> None:
    """What was done, and what may be typed next."""
    from massive_deploy.operate.deploy import said

    release, hosts = outcome.release, ", ".join(outcome.hosts)
    if not outcome.operations:
        reporter.say(f"release {release.id}{said(release)} runs on {hosts} already")
        return
    reporter.say(f"release {release.id}{said(release)} runs on {hosts}: {outcome.seconds:.0f} s")
    reporter.say(
        f"  next: massive-deploy releases {inventory}; the release before: massive-deploy rollback {inventory}"
    )
