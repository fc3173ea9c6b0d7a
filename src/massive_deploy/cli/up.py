"""`up`: bring the hosts to what the topology says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from massive_deploy.cli.common import Hosts, InventoryPath, LockWait, Lose, Reason, Roles, select, split

if TYPE_CHECKING:
    from massive_deploy.console import Reporter
    from massive_deploy.operate.up import Outcome


def up(
    inventory: InventoryPath,
    hosts: Hosts = None,
    roles: Roles = None,
    lose: Lose = None,
    lock_wait: LockWait = 0,
    reason: Reason = "",
) -> None:
    """Make the hosts as the topology says; or do exactly what a file of `plan --out` says.

    Running it again changes nothing.

    Exit codes: 0 done, 3 refused, 4 another run holds the lock, 5 some hosts failed, 6 the topology is wrong,
    130 interrupted.
    """
    from massive_deploy.console import Reporter, RunLog
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.up import Wish
    from massive_deploy.operate.up import up as bring_up

    expected, kept = "", None
    if inventory.suffix == ".json":
        from massive_deploy.engine.saved import load

        kept = load(inventory)
        inventory, expected = Path(kept.inventory), kept.fingerprint
    opened = open_inventory(inventory)
    selection = kept.selection if kept is not None else select(opened, hosts, roles)
    reporter = Reporter(RunLog(opened.name, "up"))
    try:
        outcome = bring_up(inventory, opened, reporter, Wish(selection, expected, split(lose), lock_wait, reason))
    except KeyboardInterrupt:
        raise reporter.interrupted(f"massive-deploy up {inventory}") from None
    finally:
        reporter.say(f"log: {reporter.log.path}")
    _ending(reporter, outcome)


def _ending(reporter: Reporter, outcome: Outcome) -> None:
    from massive_deploy.operate.status import urls

    layout, folder = outcome.inventory.layout, outcome.inventory.folder
    reporter.say(f"{layout.name} is up: {outcome.operations} operations in {outcome.seconds:.0f} s")
    for what, url in urls(layout).items():
        reporter.say(f"  {what:24} {url}")
    reporter.say(f"  {'next':24} massive-deploy status {folder}; massive-deploy verify {folder}")
