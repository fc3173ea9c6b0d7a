"""PostgreSQL clusters: who leads, who follows, how far behind. Lag is the difference of WAL positions across hosts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from massive_deploy.operate.patroni import PatroniMember
from massive_deploy.topology.layout import Cluster as PlacedCluster
from massive_deploy.topology.layout import Layout

STUCK_AFTER = 30
"""Seconds in which Patroni, with a leader at hand, brings a replica back by itself, if it can."""


@dataclass(frozen=True, slots=True)
class Database:
    """What a PostgreSQL server says of itself.

    `position` is its WAL position in bytes: written on a leader, replayed on a replica. `receiving` means that a WAL
    receiver streams; `silent` for how many seconds nothing was replayed, counted from the server's
    start at the earliest. `replay_lag` maps the replicas connected to it to seconds; one that is idle has None.
    """

    leader: bool
    position: int
    timeline: int
    receiving: bool = False
    paused: bool = False
    replay_lag: Mapping[str, float | None] = field(default_factory=dict)
    silent: float | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One host of a cluster. Lags are None when they cannot be known; a replica that receives nothing lags forever.

    `stuck` is a replica that does not come back to its leader by itself: it has to be made anew.
    """

    name: str
    role: str
    state: str
    timeline: int | None
    lag_bytes: int | None
    lag_seconds: float | None
    stuck: bool = False

    @property
    def leads(self) -> bool:
        """Whether it takes writes."""
        return self.role in ("leader", "standby_leader")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster and its members, the leader first."""

    name: str
    members: tuple[Member, ...]

    @property
    def leader(self) -> str | None:
        """Name of the host that takes writes; None when nobody or more than one does."""
        leaders = [member.name for member in self.members if member.leads]
        return leaders[0] if len(leaders) == 1 else None

    @property
    def good(self) -> bool:
        """Whether there is a leader, and every other member streams from it."""
        following = (member for member in self.members if not member.leads)
        return self.leader is not None and all(m.state == "streaming" and m.lag_seconds != math.inf for m in following)


def clusters(
    layout: Layout, databases: Mapping[str, Database], views: Mapping[str, tuple[PatroniMember, ...]]
) -> tuple[Cluster, ...]:
    """Every cluster of the layout, from what its servers and its Patroni members say (by host name)."""
    return tuple(_cluster(placed, databases, views) for placed in layout.clusters)


def _cluster(
    placed: PlacedCluster, databases: Mapping[str, Database], views: Mapping[str, tuple[PatroniMember, ...]]
) -> Cluster:
    names = [host.name for host in placed.hosts]
    writers = [name for name in names if name in databases and databases[name].leader]
    # A member cut off from etcd may tell an old story; one that takes writes has just renewed its lock.
    asked = next((name for name in (*writers, *names) if name in views), None)
    told = {member.name: member for member in views[asked]} if asked is not None else {}
    named = [name for name in writers if name in told and told[name].role == "leader"]
    source = next(iter(named or writers), None)
    leader = databases[source] if source is not None else None
    members = [_member(name, databases.get(name), told.get(name), leader) for name in names]
    members = [replace(one, stuck=stuck(one, databases.get(one.name), leader)) for one in members]
    return Cluster(placed.name, tuple(sorted(members, key=lambda member: (not member.leads, names.index(member.name)))))


def _member(name: str, own: Database | None, told: PatroniMember | None, leader: Database | None) -> Member:
    if told is not None:
        role, state, timeline = told.role, told.state, told.timeline
    elif own is not None:
        role, state = ("leader", "running") if own.leader else ("replica", "streaming" if own.receiving else "running")
        timeline = own.timeline
    else:
        return Member(name, "unknown", "no answer", None, None, None)
    if own is not None and own.leader:
        return Member(name, "leader", state, timeline, None, None)
    if own is not None and own.paused:
        state = "paused"
    size, seconds = lag(name, own, leader)
    return Member(name, role, state, timeline, size, seconds)


def stuck(member: Member, own: Database | None, leader: Database | None) -> bool:
    """Whether it runs beside a leader, receives nothing and has heard nothing for long: on a timeline that the leader
    has left, or with WAL that the leader no longer has."""
    if leader is None or own is None or own.leader or own.receiving or (own.silent or 0) < STUCK_AFTER:
        return False
    return member.state == "running" or own.timeline < leader.timeline


def lag(name: str, replica: Database | None, leader: Database | None) -> tuple[int | None, float | None]:
    """How far a replica is behind its leader, in bytes of WAL and in seconds.

    0 bytes is 0 s, whatever the leader last measured. Seconds are infinite without a WAL receiver: what the replica
    has is then as old as it gets, also when it has replayed all that it ever received.
    """
    size = max(0, leader.position - replica.position) if leader is not None and replica is not None else None
    if replica is not None and not replica.receiving:
        return size, math.inf
    if size == 0:
        return size, 0.0
    return size, leader.replay_lag.get(name) if leader is not None else None
