# Managed by massive-deploy: edits are overwritten by the next up.
"""Frees the lock of a leader whose host is gone, before its time runs out, so that a replica is promoted early.

A watcher runs on every database host. It votes against the leader of its cluster when, for some seconds in a row,
neither PostgreSQL nor Patroni of the leader answered and the leader did not renew its lease in etcd. Before it votes
it closes a fence: a packet filter that drops everything from this host to the leader's PostgreSQL. When enough votes
stand, one transaction in etcd deletes the leader's key, and Patroni elects as always.

Why no acknowledged write is lost and no second node acknowledges:

1. A commit is acknowledged only after `numsync` of the standbys in synchronous_standby_names have confirmed it. Patroni
   keeps `quorum + numsync >= size(voters and these standbys together)` with the quorum and the voters of /sync.
2. The key is deleted only if more than `quorum` of the voters in /sync have voted. By 1, every set of standbys
   that could acknowledge then holds one behind a fence: the old leader is acknowledged nothing any more. What was
   acknowledged before lies on one of the voters, and by the same sum Patroni elects only who has it.
3. The transaction compares the leader's key, /sync, /config and each vote, and writes /sync anew, unchanged: the old
   leader cannot shrink /sync afterwards to go on alone, as Patroni writes it only if nobody else has.
4. A fence opens only after the vote is withdrawn in etcd, and only if that host still holds the key, holds it again, or
   its Patroni says that it is a replica. Until then the watcher keeps it, also through its own restart.

On the minority's side of a partition etcd takes no vote and no transaction. The leader never votes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

FAILURES = 3


@dataclass(frozen=True)
class Node:
    """A database host: its IPv4 address, and the ports of PostgreSQL and Patroni."""

    address: str
    sql: int
    rest: int


@dataclass(frozen=True)
class Settings:
    """`nodes` by Patroni's names; times in seconds."""

    me: str
    prefix: str
    nodes: Mapping[str, Node]
    interval: float
    patience: float
    vote_lifetime: int


@dataclass(frozen=True)
class Key:
    """A key of etcd: value, the revision that wrote it last, and its lease (0: none)."""

    value: str
    revision: int
    lease: int = 0


@dataclass(frozen=True)
class View:
    """What etcd says of the cluster, all of one moment. `keys` by their names below the cluster's prefix."""

    keys: Mapping[str, Key]

    @property
    def leader(self) -> Key | None:
        """Its key: the value is its name."""
        return self.keys.get("leader")

    def document(self, name: str) -> dict[str, Any]:
        """The JSON object under that name; empty when it is none."""
        try:
            found = json.loads(self.keys[name].value)
        except (KeyError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def standbys(self) -> frozenset[str]:
        """Those who vote on the next leader, without the leader of now."""
        names = str(self.document("sync").get("sync_standby") or "").split(",")
        return frozenset(name.strip() for name in names if name.strip()) - {self.leader.value if self.leader else ""}

    @property
    def votes(self) -> frozenset[str]:
        """Hosts that vote against this leader, in this term of it."""
        return (
            frozenset()
            if self.leader is None
            else frozenset(
                name.removeprefix("early/")
                for name, key in self.keys.items()
                if name.startswith("early/") and key.value == ballot(self.leader)
            )
            - {self.leader.value}
        )


def ballot(leader: Key) -> str:
    """Value of a vote: a leader's name and term. A leader that takes the lock again has a new term."""
    return f"{leader.value} {leader.revision}"


def why_no_release(view: View) -> str:
    """Why nobody may free the lock, whoever votes; empty when it may be freed."""
    config, sync, leader = view.document("config"), view.document("sync"), view.leader
    if leader is None:
        return "nobody leads"
    if config.get("synchronous_mode") != "quorum":
        return "quorum commit is off"
    if config.get("pause"):
        return "Patroni is paused"
    if "failover" in view.keys:
        return "a switchover is under way"
    if sync.get("leader") != leader.value or not view.standbys:
        return "the leader commits alone"
    return ""


def enough(view: View) -> bool:
    """Whether at least two others agree, and more than the quorum of those who could acknowledge are among them."""
    quorum = view.document("sync").get("quorum")
    if not isinstance(quorum, int) or quorum < 0:
        return False
    return len(view.votes) >= 2 and len(view.votes & view.standbys) > quorum


def why_no_vote(view: View, settings: Settings, silent: bool, idle: Callable[[], float]) -> str:
    """Why this host does not vote; empty when it does.

    `idle` asks for the seconds since the leader renewed its lease; it is called only where all else speaks for a vote.
    """
    leader = view.leader
    if leader is None or (why := why_no_release(view)):
        return why if leader else "nobody leads"
    if leader.value == settings.me:
        return "this host leads"
    node = settings.nodes.get(leader.value)
    told = str(view.document(f"members/{leader.value}").get("conn_url", ""))
    if node is None or f"//{node.address}:{node.sql}/" not in told:
        return "the leader's address is not the expected one"
    if not silent:
        return "the leader answers"
    if idle() < renewal(view, settings):
        return "the leader renews its lease"
    return ""


def renewal(view: View, settings: Settings) -> float:
    """Seconds without renewal after which the leader's Patroni has missed at least one of its rounds."""
    wait = view.document("config").get("loop_wait", 10)
    return max(settings.patience, (wait if isinstance(wait, int | float) else 10) + 1)


def may_open(owner: str, leader: str, role: str) -> bool:
    """Whether the fence towards `owner` may open, this host's vote withdrawn at the moment `leader` held the key.

    `role` is what the owner's Patroni says of its server now.
    """
    return owner == leader or role == "replica"


class Silence:
    """Whether somebody has been silent long enough: some attempts in a row failed, over the time asked for.

    One failed attempt says little: this host may have been frozen itself meanwhile.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.silent = False
        self._failures = 0
        self._since = 0.0

    def note(self, answered: bool, begun: float, ended: float) -> None:
        """One attempt, with its times in seconds."""
        if answered:
            self._failures, self.silent = 0, False
            return
        self._since = self._since if self._failures else begun
        self._failures += 1
        self.silent = self._failures >= FAILURES and ended - self._since >= self.patience
