"""PostgreSQL takes up parameters that it reads only when it starts: one node after the other, the leader once.

The order is right for raised and for lowered values of what a replica needs no less of than its leader (max_connections
and the like): replicas first, for raised ones; then the leader; then the replicas that still wait, for a lowered value
reaches a replica only through its leader's log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from massive_deploy.engine.step import Step
from massive_deploy.errors import HostFailure, HostsFailed
from massive_deploy.operate.patroni import Node, Patroni, PatroniMember

if TYPE_CHECKING:
    from massive_deploy.engine.plan import Plan
    from massive_deploy.operate.journal import OnStep
    from massive_deploy.operate.observe import Session
    from massive_deploy.operate.prepare import Prepared
    from massive_deploy.targets import Say
    from massive_deploy.topology.layout import Cluster

ROLE = "postgresql"
PATIENCE = 120
"""Seconds a node has until it streams again, or leads."""
START = 60
"""Seconds Patroni gives a server to start. Without it the leader would be replaced at once: primary_start_timeout is
0 here."""
PAUSE = 0.5

Paused = Callable[["Cluster"], AbstractContextManager[None]]
"""Holds a cluster's queries back while the block runs; they wait, they do not fail."""


def not_paused(cluster: Cluster) -> AbstractContextManager[None]:  # noqa: ARG001
    """Queries meet the restart."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Rolling:
    """Restarts of one run. `on_step` counts them; `clock` and `sleep` are in seconds."""

    patroni: Patroni
    say: Say
    on_step: OnStep
    while_paused: Paused = not_paused
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def cluster(self, cluster: Cluster, hosts: Iterable[str], expected: Iterable[str]) -> None:
        """Restart those of the cluster's hosts that wait for it; `expected` are waited for until they say so.

        Raises:
            HostsFailed: a node does not stream (or lead) again in time; the nodes after it were left alone.
        """
        names = [host.name for host in cluster.hosts if host.name in set(hosts)]
        self._noticed(names, [name for name in expected if name in names])
        waiting = self._pending(names)
        for name in self._pending(names, leads=False):
            self._restart(name)
        for leader in self._pending(names, leads=True):
            with self.while_paused(cluster):
                self._restart(leader)
            self._caught_up(leader, [name for name in names if name != leader])
        for name in self._pending(names, leads=False):
            self._restart(name)
        if waiting:
            self._everywhere_known(names)

    def _noticed(self, names: list[str], expected: list[str]) -> None:
        """Members read a new configuration at once, or in their next loop. Some changes turn out to be none."""
        if not names:
            return
        end = self.clock() + 5 + float(self.patroni.configuration(names[0]).get("loop_wait", 10))
        while self.clock() < end:
            nodes = self.patroni.nodes(names)
            if all(name in nodes and nodes[name].pending_restart for name in expected):
                return
            self.sleep(PAUSE)

    def _pending(self, names: list[str], *, leads: bool | None = None) -> list[str]:
        nodes = self.patroni.nodes(names)
        waiting = [name for name in names if name in nodes and nodes[name].pending_restart]
        return [name for name in waiting if leads is None or nodes[name].leads == leads]

    def _restart(self, host: str) -> None:
        step = Step(ROLE, "restart PostgreSQL", "")
        self.on_step(host, step, "start")
        began = self.clock()
        output = self.patroni.order(host, "restart", {"timeout": START})
        why = ""
        if not self._until(lambda: _fit(self.patroni.nodes([host]).get(host))):
            why = f"it neither leads nor streams after {PATIENCE} s"
        elif not output.ok and host in self._pending([host]):
            why = "it has not restarted"  # one that was only slow to answer no longer waits
        if why:
            self.on_step(host, step, "failed")
            raise _failure(host, why if output.ok else f"{why}; Patroni said: {output.cause}")
        self.on_step(host, step, "done")
        self.say(f"{host}: PostgreSQL restarted, in place again after {self.clock() - began:.0f} s")

    def _caught_up(self, leader: str, replicas: list[str]) -> None:
        """The others receive from the restarted leader, and have replayed what it wrote when it started."""
        there = [name for name in replicas if name in self.patroni.nodes(replicas)]
        target = self._position(leader, there)

        def late() -> list[str]:
            nodes = self.patroni.nodes(there)
            return [name for name in there if not _fit(one := nodes.get(name)) or (one and one.position < target)]

        if not self._until(lambda: not late()):
            raise _failure(late()[0], f"it has not followed {leader}, which was restarted, for {PATIENCE} s")

    def _everywhere_known(self, names: list[str]) -> None:
        """What a member tells of its cluster is as old as its last loop; whoever asks next is to find all in place."""

        def late() -> list[str]:
            return [name for name in names if not _in_place(name, self.patroni.members(name))]

        if not self._until(lambda: not late()):
            raise _failure(late()[0], f"its Patroni does not see it in its place after {PATIENCE} s")

    def _position(self, leader: str, replicas: list[str]) -> int:
        """Of the leader's log, in bytes; 0 when another node leads meanwhile, or there is nobody to compare it with."""
        now = self.patroni.nodes([leader]).get(leader) if replicas else None
        return now.position if now is not None and now.leads else 0

    def _until(self, true: Callable[[], bool]) -> bool:
        end = self.clock() + PATIENCE
        while not true():
            if self.clock() > end:
                return False
            self.sleep(PAUSE)
        return True


def _fit(node: Node | None) -> bool:
    return node is not None and (node.leads or node.streams)


def _in_place(host: str, members: Mapping[str, PatroniMember]) -> bool:
    led = any(one.leads and one.state == "running" for one in members.values())
    return led and host in members and (members[host].leads or members[host].streams)


def _failure(host: str, cause: str) -> HostsFailed:
    hint = (
        f"look at the host: journalctl -u patroni, and the server's log; the nodes that wait behind {host} run on with "
        "the old values until `massive-deploy up` is run again"
    )
    return HostsFailed([HostFailure(host, "restarts", "restart PostgreSQL", cause, hint)])


def expected(todo: Plan) -> Mapping[str, str]:
    """Hosts whose PostgreSQL must restart, and why, as the plan shows it; from what waits and what is about to."""
    return {
        role.host: change.seen
        for host in todo.hosts
        for role in host.roles
        if role.role == ROLE
        for change in role.tasks
        if change.task.in_turn
    }


def restart_pending(
    opened: Session,
    prepared: Prepared,
    todo: Plan,
    say: Say,
    on_step: OnStep,
    while_paused: Paused = not_paused,
) -> None:
    """Restart PostgreSQL where the plan says so: in each cluster replicas first, then the leader.

    `while_paused` holds queries back while a leader restarts.

    Raises:
        HostsFailed: a node does not come back; nodes after it were left alone, and all keep running as they are.
    """
    layout = prepared.inventory.layout
    waiting = expected(todo)
    rolling = Rolling(Patroni(opened.fleet, layout, prepared.secrets), say, on_step, while_paused)
    for cluster in layout.clusters:
        mine = [host.name for host in cluster.hosts if host.name in waiting]
        if mine:
            say("; ".join(f"{name}: {waiting[name]}" for name in mine))
            rolling.cluster(cluster, opened.reach, mine)
