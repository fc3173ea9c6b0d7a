"""A change of leader without the leader's help: it is gone, or takes no writes and does not step down by itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from massive_deploy.engine.lock import locked
from massive_deploy.errors import Refused
from massive_deploy.operate.candidates import Table
from massive_deploy.operate.election import Change, change_leader, remembered
from massive_deploy.operate.handover import Crew, handovers
from massive_deploy.operate.look import look, settled, the_cluster, unsettled
from massive_deploy.operate.observe import session
from massive_deploy.operate.patroni import Patroni
from massive_deploy.operate.switchover import COMMIT, Report, Show, reasons
from massive_deploy.operate.units import size
from massive_deploy.secrets import Secrets

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.observe import Session
    from massive_deploy.targets import Say
    from massive_deploy.topology.layout import Cluster

SECONDS = 120
"""A leader that is cut off keeps its lock for up to a minute (`failover.speed: safe`)."""


def failover(inventory: Inventory, wanted: str, to: str, confirm: str, run: Run, show: Show, say: Say) -> Report:
    """Promote the replica that lacks least, or the one named `to`. `confirm` is the cluster's name, typed by a person.

    Raises:
        Refused: a leader takes writes or may do so, nobody is fit, a commit may be missing, or it was not confirmed;
            nothing was changed.
        HostsFailed: it was ordered and nobody took over.
    """
    layout = inventory.layout
    cluster = the_cluster(layout, wanted)
    offers = handovers(layout, inventory.roles, cluster)
    only = {host.name for host in cluster.hosts} | {host for offer in offers for host in offer.hosts}
    patient = f"failover of {cluster.name}"
    with (
        session(inventory, only, bear=True) as opened,
        locked(opened.fleet, opened.reach, patient, inventory=str(inventory.folder)),
        run.journaled(opened),
    ):
        patroni = Patroni(opened.fleet, layout, Secrets(inventory.folder))
        before, store = _checked(opened, patroni, cluster)
        show(before)
        candidate = choose(before, store, to, str(inventory.folder))
        if confirm != cluster.name:
            again = f"massive-deploy failover {inventory.folder} --cluster {cluster.number} --confirm {cluster.name}"
            raise Refused(f"failover makes {candidate} the leader of {cluster.name} without asking the old one", again)
        run.operations += 1
        old = str(store.get("leader", "")) or before.leader
        addresses = {host.name: host.address for host in cluster.hosts if host.name in opened.reach}
        begin = time.monotonic()
        change = Change(candidate, "failover", old, candidate, addresses)
        changed = change_leader(patroni, cluster, change, SECONDS)
        warnings = [
            f"{host}: {why}"
            for host, why in Crew(opened.fleet, frozenset(opened.reach), offers).hurry(changed.leader).items()
        ]
        if not opened.fleet.run(changed.leader, COMMIT, timeout=70).ok:
            warnings.append(f"{changed.leader} leads, but no commit came through within a minute")
        gap = time.monotonic() - begin
        say(f"{changed.leader} leads {cluster.name}: it took {gap:.1f} s from the order to its first commit")
        silent = {row.name for row in before.rows if row.state == "no answer"}
        after = settled(opened, layout, cluster, silent)
        warnings += [f"{name} does not stream from {changed.leader} yet" for name in unsettled(after)]
        show(after)
    return Report(cluster.name, old, changed.leader, False, gap, changed, before, after, tuple(warnings))


def _checked(opened: Session, patroni: Patroni, cluster: Cluster) -> tuple[Table, Mapping[str, Any]]:
    """The table, measured by what etcd remembers, and what that is."""
    asked = [host.name for host in cluster.hosts if host.name in opened.reach]
    if not asked:
        raise Refused(f"no member of {cluster.name} answers", "bring one of its hosts back first")
    store = remembered(patroni, cluster, asked[0])
    return look(opened, patroni.layout, cluster, written(store)), store


def written(store: Mapping[str, Any]) -> int:
    """The last WAL position that the leader told etcd, in bytes; 0 when it never did."""
    status = store.get("status")
    found = status.get("optime", 0) if isinstance(status, dict) else status
    return int(found) if isinstance(found, (int, str)) and str(found).isdigit() else 0


def choose(before: Table, store: Mapping[str, Any], to: str, folder: str) -> str:
    """Who is promoted: the fit replica that has received most.

    Raises:
        Refused: a leader takes writes, or may do so unseen; nobody (or not the wanted one) is fit; or a commit that
            synchronous replicas confirmed may be missing: too few answer, or one that is not fit has received more.
    """
    leader = before.row(before.leader)
    if leader is not None and leader.answers:
        raise Refused(
            f"{before.leader} leads {before.cluster} and takes writes",
            f"massive-deploy switchover {folder} --cluster {before.cluster}",
        )
    _refuse_writers(before)
    _refuse_hidden_leader(before, str(store.get("leader") or ""))
    if to and before.row(to) is None:
        raise Refused(
            f"{to} is no member of {before.cluster}", f"its members are: {', '.join(r.name for r in before.rows)}"
        )
    fit = [row.name for row in before.candidates]
    if not fit or (to and to not in fit):
        told = (
            f"{to} of {before.cluster} is not fit to lead" if to else f"no replica of {before.cluster} is fit to lead"
        )
        hint = "bring the leader back: what a replica lacks is lost when it is promoted"
        raise Refused(f"{told}:\n{reasons(before)}", hint)
    _refuse_unknown_commits(before, store)
    if to and _lacks(before, fit[0]) < _lacks(before, to):
        raise Refused(f"{fit[0]} has received more than {to}", f"promote it instead: --to {fit[0]}")
    candidate = to or fit[0]
    _refuse_missing_commits(before, store, candidate)
    return candidate


def _refuse_writers(before: Table) -> None:
    """Servers have the last word: one takes writes while its Patroni is dead, too, and while two say that they lead."""
    if writers := [row.name for row in before.rows if row.writes]:
        names = " and ".join(writers)
        raise Refused(
            f"{names} of {before.cluster} {'takes' if len(writers) == 1 else 'take'} writes: one more leader would "
            "make two",
            f"on {names}: `systemctl restart patroni`, or stop the server; then try again",
        )


def _refuse_hidden_leader(before: Table, holder: str) -> None:
    """Silence is no proof: a leader out of our reach alone keeps its lock, and its replicas go on receiving."""
    row = before.row(holder)
    if not holder or (row is not None and (row.state != "no answer" or row.answers)):
        return
    if fed := [one.name for one in before.replicas if one.receiving]:
        raise Refused(
            f"{holder} holds the lock of {before.cluster} and does not answer, yet replicas still receive from a "
            f"server ({', '.join(fed)}): it may take writes, out of reach from here alone",
            f"reach {holder}, or stop it; if it is dead, replicas notice within seconds: try again then",
        )


def _lacks(before: Table, name: str) -> int:
    row = before.row(name)
    return row.received or 0 if row is not None else 0


def _refuse_unknown_commits(before: Table, store: Mapping[str, Any]) -> None:
    """With quorum commits, one replica alone may lack what another confirmed: so many must be compared."""
    voters, needed = _voters(store)
    here = {row.name for row in before.replicas if row.name in voters and row.received is not None}
    if len(here) < min(needed, len(voters)):
        raise Refused(
            f"{len(here)} of {len(voters)} synchronous replicas answer, {needed} are needed: a commit may be on "
            f"{', '.join(sorted(voters - here))} alone",
            f"bring {' or '.join(sorted(voters - here))} back, or the leader",
        )


def _refuse_missing_commits(before: Table, store: Mapping[str, Any], candidate: str) -> None:
    """What one voter alone has received may be a confirmed commit, whether or not that voter is fit to lead."""
    voters, _ = _voters(store)
    lacks = _lacks(before, candidate)
    for row in before.replicas:
        if row.name in voters and row.received is not None and row.received < lacks:
            late = "failover.max_lag" in row.why
            raise Refused(
                f"{row.name} has received {size(lacks - row.received)} more than {candidate} and is not fit: {row.why}",
                "wait until it has replayed" if late else "mend that, or bring the leader back",
            )


def _voters(store: Mapping[str, Any]) -> tuple[set[str], int]:
    """Synchronous replicas by etcd's word, and how many of them must be compared; none when commits do not wait."""
    sync = store.get("sync")
    if not isinstance(sync, dict) or not sync.get("sync_standby"):
        return set(), 0
    voters = {name for name in str(sync["sync_standby"]).split(",") if name}
    return voters, int(sync.get("quorum") or 0) + 1
