# Managed by massive-deploy: edits are overwritten by the next up.
"""One host's part: looks at the leader, votes, frees its lock. What it is joined to comes from outside."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol

from .decide import Node, Settings, View, enough, may_open, why_no_release, why_no_vote


class StoreError(Exception):
    """etcd did not answer, or not with what was asked for."""


class Store(Protocol):
    """What the watcher needs of etcd. All of it raises StoreError."""

    def view(self) -> View:
        """All keys of the cluster, of one moment not before the call."""

    def idle(self, lease: int) -> float:
        """Seconds since the lease was renewed."""

    def vote(self, view: View) -> None:
        """Vote against the leader, or make the vote last longer; nothing if `view` is no longer so."""

    def withdraw(self) -> str:
        """Take the vote back, also one still under way; who leads at that moment, empty if nobody does."""

    def release(self, view: View) -> bool:
        """Free the leader's lock if all that `view` says of it is still so; whether it was freed."""


class Fence(Protocol):
    """The packet filter of this host. All of it raises OSError."""

    @property
    def closed(self) -> frozenset[str]:
        """Addresses towards which it is closed."""

    def close(self, node: Node) -> None:
        """Let nothing out to that node's PostgreSQL."""

    def hold(self) -> None:
        """Keep it closed, although somebody else may have flushed the rules."""

    def open(self, address: str) -> None:
        """Let everything out again."""


class Probe(Protocol):
    """Looks at one node over and over."""

    @property
    def silent(self) -> bool:
        """Whether it has not answered for long enough."""

    def stop(self) -> None:
        """Look no more."""


class Watcher:
    """One host's part: looks at the leader, votes, frees its lock. `role` asks a node for its role, or empty."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        fence: Fence,
        look: Callable[[Node], Probe],
        role: Callable[[Node], str],
    ) -> None:
        self.settings, self.store, self.fence = settings, store, fence
        self.why, self.leader, self.freed = "it has just begun", "", ""
        self._look, self._role = look, role
        self._probes: dict[str, Probe] = {}
        self._withdrawn = False

    def tick(self) -> None:
        """One round. Raises StoreError or OSError; it may be repeated at any time."""
        self.fence.hold()
        view = self.store.view()
        self.leader = view.leader.value if view.leader else ""
        self._attend()
        self.why = self._why(view)
        if self.why:
            self._stand_back()
        else:
            self._vote(view)

    def _attend(self) -> None:
        """Look at the leader, unless that is this host, and at nobody else."""
        wanted = ({self.leader} & set(self.settings.nodes)) - {self.settings.me}
        for name in set(self._probes) - wanted:
            self._probes.pop(name).stop()
        for name in wanted - set(self._probes):
            self._probes[name] = self._look(self.settings.nodes[name])

    def _why(self, view: View) -> str:
        probe = self._probes.get(self.leader)
        lease = view.leader.lease if view.leader else 0
        return why_no_vote(
            view, self.settings, silent=probe is not None and probe.silent, idle=lambda: self.store.idle(lease)
        )

    def _vote(self, view: View) -> None:
        self.fence.close(self.settings.nodes[self.leader])
        self._withdrawn = False
        self.store.vote(view)
        now = self.store.view()
        if now.leader != view.leader or self.settings.me not in now.votes:
            return
        if not why_no_release(now) and enough(now) and self.store.release(now):
            self.freed = self.leader
            say(f"freed the lock of {self.leader}: its host is gone for {', '.join(sorted(now.votes))}")

    def _stand_back(self) -> None:
        """The fence opens only when no vote of this host can count any more."""
        leader = self.leader
        if not self._withdrawn:
            leader = self.store.withdraw()
            self._withdrawn = True
        names = {node.address: name for name, node in self.settings.nodes.items()}
        for address in sorted(self.fence.closed):
            owner = names.get(address, "")
            if not owner or may_open(owner, leader, self._role(self.settings.nodes[owner])):
                self.fence.open(address)


def withdraw_before_start(store: Store, seconds: float, pause: float = 0.2) -> bool:
    """Take back the vote of a host that has restarted, since its fence went with the kernel; whether it is done.

    It is tried over and over for some seconds, and then left: without etcd, Patroni starts no PostgreSQL either.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            store.withdraw()
        except StoreError as error:
            if time.monotonic() >= end:
                say(f"a vote of before may still stand: {error}")
                return False
            time.sleep(pause)
        else:
            return True


def say(what: str) -> None:
    """To the journal."""
    sys.stdout.write(what + "\n")
    sys.stdout.flush()
