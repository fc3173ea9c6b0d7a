"""`rollback`: a release that the app hosts keep runs again. Nothing is built, no migration is run or undone."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from massive_deploy import environment
from massive_deploy.errors import Refused
from massive_deploy.operate import releases
from massive_deploy.operate.chosen import Chosen
from massive_deploy.operate.deploy import Outcome, Wish, app_hosts, deploy
from massive_deploy.operate.observe import session

if TYPE_CHECKING:
    from massive_deploy.console import Reporter
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.observe import Session

MANAGE = f"{environment.SCRIPTS}/manage"
NEWER = f"{environment.SCRIPTS}/newer-migrations"


def rollback(inventory: Inventory, wanted: str, reporter: Reporter, wish: Wish) -> Outcome:
    """Go to the kept release whose id begins with `wanted`, or (empty) to the one before, host by host.

    Raises:
        Refused: there is no such release, or it runs already everywhere.
        HostsFailed, Locked, MassiveDeployError: as `deploy`.
    """
    with session(inventory, app_hosts(inventory.layout)) as opened:
        found = releases.read(opened)
        name = releases.choose(found, wanted, str(inventory.folder))
        if all(one.current == name for one in found.values()):
            raise Refused(
                f"release {name} runs on all app hosts already", f"massive-deploy releases {inventory.folder}"
            )
        newer = _newer(opened, inventory, name, found)
    if newer:
        reporter.say(f"release {name} does not know these migrations, which stay applied:")
        for line in newer:
            reporter.say(f"    {line}")
    return deploy(inventory, Chosen(release=name), reporter, wish, "rollback")


def _newer(opened: Session, inventory: Inventory, name: str, found: dict[str, releases.HostReleases]) -> list[str]:
    """`alias app.migration` for those that the running release has, and the other one has not."""
    if not inventory.topology.app.migrate:
        return []
    host = next((host for host, one in found.items() if name in one.kept), "")
    current = found[host].current if host else ""
    unknown = [_unknown(opened, host, one) for one in (name, current) if host]
    return sorted(unknown[0] - unknown[1]) if len(unknown) == 2 else []


def _unknown(opened: Session, host: str, release: str) -> set[str]:
    """Applied migrations that a release does not have; none where it cannot tell."""
    output = opened.fleet.run(host, shlex.join([MANAGE, "--live", "--script", release, NEWER]), timeout=60)
    return set(output.stdout.splitlines()) if output.ok else set()
