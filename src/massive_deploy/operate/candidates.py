"""Who may lead next: every member of a cluster with its live figures, and why it is or is not a candidate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from massive_deploy.operate.patroni import Node
from massive_deploy.operate.units import size

OLD = 30
"""Seconds after which a transaction counts as long."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction on a leader that is older than OLD; `age` in seconds. `doing` is its state and the first word of
    its query: the rest may hold what nobody else should read."""

    pid: int
    user: str
    database: str
    age: float
    doing: str

    def __str__(self) -> str:
        return f"pid {self.pid}, {self.user} in {self.database}, for {self.age:.0f} s ({self.doing})"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one database host told. `answers` says whether its server answered a query, `writes` whether it said that it
    is out of recovery; `error` why the host, or its Patroni, is silent.

    `synchronous` is whether the cluster's commits wait for replicas, as its live configuration has it.
    """

    name: str
    node: Node | None = None
    answers: bool = False
    writes: bool = False
    synchronous: bool = False
    transactions: tuple[Transaction, ...] = ()
    backups: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One member. Lags are bytes behind `reference`: received and replayed; None when they cannot be known.

    `why` says why it cannot become the leader; empty for a candidate. `answers`: its server answered a query, and
    `writes`: it said that it is out of recovery. Both are the server's own words, known even if its Patroni is silent.
    """

    name: str
    role: str
    state: str
    timeline: int | None
    received: int | None
    replayed: int | None
    synchronous: bool
    receiving: bool
    tags: tuple[str, ...]
    why: str
    answers: bool = False
    writes: bool = False

    @property
    def fit(self) -> bool:
        """Whether it may become the leader."""
        return not self.why


@dataclass(frozen=True, slots=True)
class Table:
    """A cluster before or after a change: its leader's name (empty when nobody leads) and rows, the leader first.

    `hindrances` are what a planned change waits for: long transactions, base backups, maintenance mode.
    """

    cluster: str
    leader: str
    rows: tuple[Row, ...]
    hindrances: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[Row, ...]:
        """Members that may become the leader, the one that has received most first."""
        fit = [row for row in self.rows if row.fit]
        return tuple(sorted(fit, key=lambda row: (row.received or 0, row.replayed or 0)))

    @property
    def replicas(self) -> tuple[Row, ...]:
        """Everyone but the leader."""
        return tuple(row for row in self.rows if row.name != self.leader)

    def row(self, name: str) -> Row | None:
        """The member of that name."""
        return next((row for row in self.rows if row.name == name), None)


def table(cluster: str, told: Iterable[Seen], max_lag: int, written: int = 0) -> Table:
    """Judge every member.

    Args:
        cluster: its name.
        told: what each member's host said, in the order of the topology.
        max_lag: bytes (`failover.max_lag`).
        written: the WAL position that etcd remembers, for when no leader answers.
    """
    seen = tuple(told)
    leading = [one for one in seen if one.node is not None and one.node.leads]
    leader = leading[0] if len(leading) == 1 else None
    positions = [written, *(_received(one.node) for one in seen if one.node is not None)]
    # A leader that answers no query may have told a position of some time ago: it must not hide who has received more.
    live = leader.node if leader is not None and leader.answers else None
    reference = live.position if live is not None else max(positions)
    timelines = [one.node.timeline for one in seen if one.node is not None and one.node.timeline is not None]
    timeline = leader.node.timeline if leader is not None and leader.node is not None else max(timelines, default=None)
    synchronous = any(one.synchronous for one in seen)
    rows = [_row(one, leader, reference, timeline, max_lag, synchronous=synchronous) for one in seen]
    rows.sort(key=lambda row: leader is None or row.name != leader.name)
    return Table(cluster, leader.name if leader is not None else "", tuple(rows), tuple(_hindrances(seen, leader)))


def _received(node: Node) -> int:
    return max(node.received, node.position)


def _row(
    one: Seen, leader: Seen | None, reference: int, timeline: int | None, max_lag: int, *, synchronous: bool
) -> Row:
    node = one.node
    if node is None:
        why = f"{one.error or 'no answer'}{', and its server takes writes' if one.writes else ''}"
        silent = Row(one.name, "unknown", "no answer", None, None, None, False, False, (), why)
        return replace(silent, answers=one.answers, writes=one.writes)
    leads = leader is not None and one.name == leader.name
    known = node.position > 0
    row = Row(
        name=one.name,
        role="leader" if leads else "replica" if node.role in {"replica", "standby"} else node.role,
        state=node.state,
        timeline=node.timeline,
        received=max(0, reference - _received(node)) if known else None,
        replayed=max(0, reference - node.position) if known else None,
        synchronous=node.synchronous,
        receiving=node.streams,
        tags=tuple(sorted(name for name, value in node.tags.items() if value)),
        why="",
        answers=one.answers,
        writes=one.writes,
    )
    why = next(iter(_reasons(row, leader is not None, timeline, max_lag, synchronous=synchronous)), "")
    return replace(row, why=why)


def _reasons(row: Row, led: bool, timeline: int | None, max_lag: int, *, synchronous: bool) -> Iterator[str]:
    """Whatever keeps a member from leading, the weightiest first."""
    if row.role == "leader":
        yield "leads already"
    if row.role != "replica" or row.state not in {"running", "streaming", "in archive recovery"}:
        yield f"{row.name} is {row.role}, {row.state}"
    if not row.answers:
        yield f"{row.name}'s server answers no query"
    if row.timeline is not None and timeline is not None and row.timeline < timeline:
        yield f"{row.name} is on timeline {row.timeline}, the cluster on {timeline}"
    if led and not row.receiving:
        yield f"{row.name} does not stream"
    # What is received and not replayed is not lost, but the new leader takes no writes before it is replayed.
    if row.received is None or row.replayed is None:
        yield f"{row.name} does not say how far it is"
    elif (behind := max(row.received, row.replayed)) > max_lag:
        yield f"{row.name} is {size(behind)} behind, more than failover.max_lag {size(max_lag)}"
    if synchronous and not row.synchronous:
        yield f"{row.name} is not synchronous, and commits are"
    if barred := {"nofailover", "nosync"} & set(row.tags):
        yield f"{row.name} has the tag {', '.join(sorted(barred))}"


def _hindrances(seen: Iterable[Seen], leader: Seen | None) -> Iterator[str]:
    if leader is not None:
        for one in leader.transactions:
            yield f"a long transaction on {leader.name}: {one}"
    for host in seen:
        for backup in host.backups:
            yield f"a base backup of {host.name} ({backup})"
    if any(one.node is not None and one.node.paused for one in seen):
        yield "Patroni is paused (maintenance mode)"
