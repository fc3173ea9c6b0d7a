"""Make a replica anew: its copy is thrown away, and taken again from the leader."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from massive_deploy.engine.lock import locked
from massive_deploy.errors import HostFailure, HostsFailed, MassiveDeployError, Refused
from massive_deploy.operate.candidates import Row
from massive_deploy.operate.look import look, the_cluster
from massive_deploy.operate.observe import session
from massive_deploy.operate.patroni import Patroni
from massive_deploy.secrets import Secrets

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.switchover import Show
    from massive_deploy.targets import Say
    from massive_deploy.topology.layout import Cluster, Layout


def reinit(inventory: Inventory, host: str, confirm: str, run: Run, show: Show, say: Say) -> Row:
    """Throw the replica's copy away and wait until the new one streams. `confirm` is the host's name.

    Raises:
        Refused: it leads, there is no leader to copy from, or it was not confirmed; nothing was changed.
        HostsFailed: Patroni did not begin, or the new copy does not stream in time (`roles: postgresql: join_seconds`).
    """
    layout = inventory.layout
    cluster = of(layout, host)
    only = [one.name for one in cluster.hosts]
    with (
        session(inventory, only, bear=True) as opened,
        locked(opened.fleet, opened.reach, f"reinit of {host}", inventory=str(inventory.folder)),
        run.journaled(opened),
    ):
        if host not in opened.reach:
            why = opened.unreachable.get(host, "no such machine yet")
            raise HostsFailed([HostFailure(host, "connect", "ssh", why)])
        before = look(opened, layout, cluster)
        show(before)
        if host == before.leader:
            raise Refused(
                f"{host} leads {cluster.name}",
                f"first: massive-deploy switchover {inventory.folder} --cluster {cluster.number}",
            )
        if not before.leader:
            raise Refused(f"nobody leads {cluster.name}, so there is nothing to copy from", _advice(inventory, cluster))
        if confirm != host:
            again = f"massive-deploy reinit {inventory.folder} {host} --confirm {host}"
            raise Refused(f"reinit deletes {host}'s copy of {cluster.name} and takes a new one", again)
        run.operations += 1
        patroni = Patroni(opened.fleet, layout, Secrets(inventory.folder))
        old = patroni.nodes([host]).get(host)
        begin = time.monotonic()
        output = patroni.order(host, "reinitialize", {"force": True})
        if not output.ok:
            raise HostsFailed([HostFailure(host, cluster.name, "reinit", output.stdout or output.cause)])
        say(f"{host}: a new copy is taken from {before.leader}")
        _wait(patroni, host, old.started if old is not None else "", layout.settings["postgresql"].join_seconds)
        after = look(opened, layout, cluster)
        show(after)
    say(f"{host} streams from {after.leader}, {time.monotonic() - begin:.0f} s after the order")
    found = after.row(host)
    if found is None:
        raise MassiveDeployError(f"{host} is no longer a member of {cluster.name}")
    return found


def of(layout: Layout, host: str) -> Cluster:
    """The cluster that the host belongs to.

    Raises:
        MassiveDeployError: it is no database host.
    """
    number = next((one.cluster for one in layout.hosts if one.name == host), None)
    if number is None:
        known = ", ".join(one.name for cluster in layout.clusters for one in cluster.hosts)
        raise MassiveDeployError(f"no database host {host}", f"there are: {known or 'none'}")
    return the_cluster(layout, str(number))


def _advice(inventory: Inventory, cluster: Cluster) -> str:
    return f"see: massive-deploy failover {inventory.folder} --cluster {cluster.number}"


def _wait(patroni: Patroni, host: str, before: str, seconds: int) -> None:
    """Until another server than before runs there and streams."""
    end, state = time.monotonic() + seconds, "no answer"
    while time.monotonic() < end:
        now = patroni.nodes([host]).get(host)
        if now is not None:
            state = now.state
            if now.streams and now.started != before:
                return
        time.sleep(1)
    hint = f"see: journalctl -u patroni on {host}"
    raise HostsFailed([HostFailure(host, "reinit", "copy", f"does not stream after {seconds} s ({state})", hint)])
