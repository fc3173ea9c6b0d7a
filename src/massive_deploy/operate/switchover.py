"""A planned change of leader: checked before, with clients held back meanwhile, looked at afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from massive_deploy.engine.lock import locked
from massive_deploy.errors import Refused
from massive_deploy.operate.candidates import Row, Table
from massive_deploy.operate.election import Change, Changed, change_leader
from massive_deploy.operate.handover import Crew, handovers
from massive_deploy.operate.look import look, settled, the_cluster, unsettled
from massive_deploy.operate.observe import session
from massive_deploy.operate.patroni import Patroni
from massive_deploy.operate.psql import psql
from massive_deploy.secrets import Secrets

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.observe import Session
    from massive_deploy.targets import Say
    from massive_deploy.topology.layout import Cluster

LOOKS = 3
"""How often a replica that is too far behind is looked at: positions of two hosts are never of one moment."""

# A real transaction: with synchronous commits it returns when a replica has it.
COMMIT = psql("SELECT pg_logical_emit_message(true, 'massive-deploy', 'leads')", 60) + " >/dev/null"
# What is written now need not be written while clients wait.
CHECKPOINT = psql("CHECKPOINT", 300)

Show = Callable[[Table], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a switchover is asked for. `to`: the next leader (empty: whoever wins). `despite`: go on past hindrances.

    `agreed` is asked, with the table shown, whether to go on.
    """

    cluster: str = ""
    to: str = ""
    despite: bool = False
    agreed: Callable[[Table, str], bool] = field(default=lambda _table, _words: True)


@dataclass(frozen=True, slots=True)
class Report:
    """A change that happened. `gap` is for how many seconds no write got through; `warnings` are for people."""

    cluster: str
    old: str
    new: str
    elected: bool
    gap: float
    change: Changed
    before: Table
    after: Table
    warnings: tuple[str, ...] = ()


def switchover(inventory: Inventory, wish: Wish, run: Run, show: Show, say: Say) -> Report:
    """Move a cluster's leadership to another member.

    Raises:
        Refused: nobody is fit, or something hinders it; nothing was changed.
        HostsFailed: it was ordered and did not happen.
        Locked: another run is at work.
    """
    layout = inventory.layout
    cluster = the_cluster(layout, wish.cluster)
    offers = handovers(layout, inventory.roles, cluster)
    only = {host.name for host in cluster.hosts} | {host for offer in offers for host in offer.hosts}
    with (
        session(inventory, only, bear=True) as opened,
        locked(opened.fleet, opened.reach, f"switchover of {cluster.name}", inventory=str(inventory.folder)),
        run.journaled(opened),
    ):
        before = _checked(opened, inventory, cluster, wish)
        show(before)
        crew = Crew(opened.fleet, frozenset(opened.reach), offers)
        _refuse(inventory, before, wish, [host for host in crew.hosts if host not in opened.reach])
        candidate = choose(before, wish.to, str(inventory.folder))
        words = f"{before.leader} hands {cluster.name} over to {candidate or 'the replica that is first'}"
        if not wish.agreed(before, words):
            raise Refused("not agreed to; nothing was changed", "say yes, or add --yes")
        run.operations += 1
        patroni = Patroni(opened.fleet, layout, Secrets(inventory.folder))
        addresses = {host.name: host.address for host in cluster.hosts if host.name in opened.reach}
        change = Change(_conductor(before, candidate), "switchover", before.leader, candidate, addresses)
        changed, gap, warnings = carry_out(patroni, cluster, change, crew, say, despite=wish.despite)
        after = settled(opened, layout, cluster)
        warnings += [f"{name} does not stream from {changed.leader} yet" for name in unsettled(after)]
        show(after)
    return Report(
        cluster.name, before.leader, changed.leader, not candidate, gap, changed, before, after, tuple(warnings)
    )


def carry_out(
    patroni: Patroni, cluster: Cluster, change: Change, crew: Crew, say: Say, *, despite: bool
) -> tuple[Changed, float, list[str]]:
    """Hold clients back, change the leader, wait for its first commit, let clients go whatever happened.

    Returns:
        What became of it, the seconds in which no write got through, and what people should know.

    Raises:
        Refused: clients could not be held back (unless `despite`); they were let go.
        HostsFailed: nobody took over.
    """
    warnings: list[str] = []
    # A leader that leaves the topology is not among the hosts of the run.
    if change.leader in crew.reach:
        patroni.fleet.run(change.leader, CHECKPOINT, timeout=310)
    crew.prepare()
    begin, held = time.monotonic(), True
    try:
        if problems := crew.pause():
            told = "; ".join(f"{host}: {why}" for host, why in sorted(problems.items()))
            if not despite:
                raise Refused(f"clients could not be held back: {told}", "try again, or add --despite")
            warnings.append(f"clients were not held back everywhere: {told}")
        elif crew.holds:
            say(f"clients of {cluster.name} wait")
        else:
            say(f"clients of {cluster.name} cannot be held back by this pooler: open transactions fail")
        changed = change_leader(patroni, cluster, change)
        untold = crew.hurry(changed.leader)
        held = bool(untold)
        warnings += [f"{host} was not told of the new leader: {why}" for host, why in untold.items()]
    finally:
        if held:
            crew.resume()
    if not patroni.fleet.run(changed.leader, COMMIT, timeout=70).ok:
        warnings.append(f"{changed.leader} leads, but no commit came through within a minute")
    gap = time.monotonic() - begin
    say(f"{changed.leader} leads {cluster.name}; no write got through for {gap:.1f} s")
    return changed, gap, warnings


def _checked(opened: Session, inventory: Inventory, cluster: Cluster, wish: Wish) -> Table:
    """The table; looked at again while only a replica's lag is in the way."""
    for left in range(LOOKS - 1, -1, -1):
        found = look(opened, inventory.layout, cluster)
        wanted = [row for row in found.replicas if not wish.to or row.name == wish.to]
        if not left or all(row.fit or "failover.max_lag" not in row.why for row in wanted):
            break
        time.sleep(0.5)
    return found


def _refuse(inventory: Inventory, before: Table, wish: Wish, silent: list[str]) -> None:
    folder = inventory.folder
    if not before.leader:
        raise Refused(
            f"nobody leads {before.cluster}", f"see: massive-deploy failover {folder} --cluster {before.cluster}"
        )
    hindrances = [
        *before.hindrances,
        *(f"{host} does not answer, and its clients cannot be held back" for host in silent),
    ]
    if hindrances and not wish.despite:
        raise Refused(
            "now is no good time:\n" + "\n".join(f"    {text}" for text in hindrances), "wait, or add --despite"
        )


def choose(before: Table, to: str, folder: str) -> str:
    """The candidate to name; empty for an election among all replicas, when every one of them is fit.

    Raises:
        Refused: the wanted one, or everyone, is unfit; says why with the numbers.
    """
    if to:
        row = before.row(to)
        if row is None:
            names = ", ".join(one.name for one in before.rows)
            raise Refused(f"{to} is no member of {before.cluster}", f"its members are: {names}")
        if not row.fit:
            raise Refused(row.why if to in row.why else f"{to} {row.why}", _advice(before, folder))
        return to
    fit = before.candidates
    if not fit:
        raise Refused(
            f"no replica of {before.cluster} is fit to lead:\n{reasons(before)}", f"see: massive-deploy status {folder}"
        )
    return "" if len(fit) > 1 and len(fit) == len(before.replicas) else fit[0].name


def reasons(before: Table) -> str:
    """One line for each replica that is not fit."""
    return "\n".join(f"    {_line(row)}" for row in before.replicas if not row.fit)


def _line(row: Row) -> str:
    return row.why if row.name in row.why else f"{row.name}: {row.why}"


def _advice(before: Table, folder: str) -> str:
    fit = before.candidates
    return f"--to {fit[0].name} would be fit" if fit else f"see: massive-deploy status {folder}"


def _conductor(before: Table, candidate: str) -> str:
    """The host from which it is watched: the next leader, or for an election the one whose server must stop first."""
    return candidate or before.leader


def json_of(report: Report) -> Mapping[str, object]:
    """As JSON takes it: seconds and bytes."""
    from dataclasses import asdict

    from massive_deploy.operate.candidates_report import to_json

    return {
        "cluster": report.cluster,
        "old": report.old,
        "new": report.new,
        "elected": report.elected,
        "gap": round(report.gap, 2),
        "change": asdict(report.change),
        "warnings": list(report.warnings),
        "before": to_json(report.before),
        "after": to_json(report.after),
    }
