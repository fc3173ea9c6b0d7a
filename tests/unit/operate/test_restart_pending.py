"""The order of restarts, against a cluster that behaves as measured: raised and lowered limits, and what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from massive_deploy.desired import Task
from massive_deploy.engine.plan import HostPlan, Plan, RolePlan, TaskChange
from massive_deploy.engine.step import Output, Step
from massive_deploy.errors import Exit, HostsFailed
from massive_deploy.operate.patroni import Node, PatroniMember
from massive_deploy.operate.restart_pending import PATIENCE, Rolling, expected
from massive_deploy.topology.layout import Cluster, Host

NAMES = ("db-1", "db-2", "db-3")
CLUSTER = Cluster(1, "trial-1", tuple(Host(n, "db", ("database",), f"10.0.0.{n[-1]}", int(n[-1]), 1) for n in NAMES))


@dataclass
class Fake:
    """A cluster led by db-2 whose configuration asks for `wanted` connections; time passes only in `sleep`."""

    wanted: int = 300
    running: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 200))
    leader: str = "db-2"
    told_after: float = 0.0
    lost: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)
    late: dict[str, float] = field(default_factory=dict)
    now: float = 0.0
    did: list[str] = field(default_factory=list)
    orders: list[Mapping[str, Any]] = field(default_factory=list)
    looped: int = 0
    known: dict[str, PatroniMember] = field(default_factory=dict)
    floor: int = 200
    """What the leader ran with when it last wrote its log: a replica starts with no less."""

    def nodes(self, hosts: list[str]) -> Mapping[str, Node]:
        return {host: self._node(host) for host in hosts if host not in self.lost}

    def _node(self, host: str) -> Node:
        leads, back = host == self.leader, self.now >= self.late.get(host, 0)
        return Node(
            role="primary" if leads else "replica",
            state="running" if back else "starting",
            timeline=1,
            position=9,
            received=9,
            streams=back and not leads,
            synchronous=False,
            pending_restart=self.now >= self.told_after and self.running[host] != self.wanted,
            paused=False,
        )

    def members(self, host: str) -> Mapping[str, PatroniMember]:  # noqa: ARG002
        """As of the members' last loop, which come every five seconds."""
        if self.now // 5 > self.looped:
            self.looped = int(self.now // 5)
            self.known = {name: self._member(name) for name in NAMES}
        return self.known

    def _member(self, name: str) -> PatroniMember:
        one = self._node(name)
        return PatroniMember(name, "leader" if one.leads else "replica", "streaming" if one.streams else one.state, 1)

    def configuration(self, host: str) -> dict[str, Any]:  # noqa: ARG002
        return {"loop_wait": 5}

    def order(self, host: str, path: str, wish: Mapping[str, Any]) -> Output:
        self.did.append(f"{path} {host}")
        self.orders.append(wish)
        if host in self.refusing:
            return Output(False, "", "503 restart failed")
        if host == self.leader:
            self.running[host] = self.floor = self.wanted
        else:
            self.running[host] = max(self.wanted, self.floor)
        return Output(True, "restarted", "")

    def rolling(self) -> Rolling:
        @contextmanager
        def paused(cluster: Cluster) -> Iterator[None]:
            self.did.append(f"pause {cluster.name}")
            yield
            self.did.append("resume")

        def step(host: str, step: Step, event: str) -> None:
            self.did.append(f"{event} {host}")
            assert step.name == "restart PostgreSQL"

        def sleep(seconds: float) -> None:
            self.now += seconds

        return Rolling(cast("Any", self), lambda _: None, step, paused, sleep, lambda: self.now)

    def run(self, expecting: tuple[str, ...] = NAMES) -> list[str]:
        self.rolling().cluster(CLUSTER, NAMES, expecting)
        return [one for one in self.did if not one.startswith(("start ", "done "))]


def test_raised_limits_replicas_first_and_the_leader_while_queries_wait() -> None:
    fake = Fake()
    assert fake.run() == ["restart db-1", "restart db-3", "pause trial-1", "restart db-2", "resume"]
    assert set(fake.running.values()) == {300}


def test_each_restart_is_counted_once() -> None:
    fake = Fake()
    fake.run()
    assert [one for one in fake.did if one.startswith("done ")] == ["done db-1", "done db-3", "done db-2"]


def test_lowered_limits_reach_replicas_only_after_the_leader() -> None:
    fake = Fake(wanted=100)
    done = fake.run()
    assert done[-2:] == ["restart db-1", "restart db-3"]
    assert done.index("restart db-2") < len(done) - 2
    assert set(fake.running.values()) == {100}


def test_it_ends_when_every_member_knows_of_it() -> None:
    fake = Fake()
    fake.known = {name: PatroniMember(name, "replica", "running", 1) for name in NAMES}
    fake.run()
    assert fake.known["db-1"].streams
    assert fake.known["db-2"].leads


def test_only_nodes_that_wait_are_restarted() -> None:
    fake = Fake(running={"db-1": 300, "db-2": 300, "db-3": 200})
    assert fake.run(("db-3",)) == ["restart db-3"]


def test_a_leader_that_waits_for_nothing_is_not_paused() -> None:
    assert Fake(running={"db-1": 200, "db-2": 300, "db-3": 300}).run(("db-1",)) == ["restart db-1"]


def test_members_have_their_loop_to_notice_the_new_configuration() -> None:
    fake = Fake(told_after=8)
    assert len(fake.run()) == 5


def test_a_change_that_turns_out_to_be_none_restarts_nothing() -> None:
    fake = Fake(wanted=200)
    assert fake.run() == []
    assert fake.now <= 12


def test_a_leader_is_given_time_to_start_so_that_it_is_not_replaced() -> None:
    fake = Fake()
    fake.run()
    assert all(order["timeout"] >= 30 for order in fake.orders)


def test_a_replica_that_does_not_come_back_ends_the_run_before_the_next() -> None:
    fake = Fake(late={"db-1": PATIENCE + 60})
    with pytest.raises(HostsFailed) as failed:
        fake.run()
    (failure,) = failed.value.failures
    assert failed.value.code == Exit.PARTIAL
    assert (failure.host, failure.step) == ("db-1", "restart PostgreSQL")
    assert f"{PATIENCE} s" in failure.cause
    assert "massive-deploy up" in failure.next
    assert fake.did == ["start db-1", "restart db-1", "failed db-1"]


def test_a_slow_replica_is_waited_for() -> None:
    fake = Fake(late={"db-1": PATIENCE - 20})
    assert fake.run()[-1] == "resume"


def test_a_refused_restart_ends_the_run_with_patronis_words() -> None:
    fake = Fake(refusing={"db-3"})
    with pytest.raises(HostsFailed) as failed:
        fake.run()
    assert "503 restart failed" in failed.value.failures[0].cause
    assert "restart db-2" not in fake.did


def test_queries_go_on_when_the_leaders_restart_fails() -> None:
    fake = Fake(refusing={"db-2"})
    released: list[str] = []

    @contextmanager
    def paused(cluster: Cluster) -> Iterator[None]:
        try:
            yield
        finally:
            released.append(cluster.name)

    plain = fake.rolling()
    with pytest.raises(HostsFailed):
        Rolling(plain.patroni, plain.say, plain.on_step, paused, plain.sleep, plain.clock).cluster(
            CLUSTER, NAMES, NAMES
        )
    assert released == ["trial-1"]


def test_a_host_that_was_not_chosen_is_left_alone() -> None:
    fake = Fake()
    fake.rolling().cluster(CLUSTER, ["db-1"], ["db-1"])
    assert [one for one in fake.did if one.startswith("restart")] == ["restart db-1"]


def test_the_plan_says_which_hosts_and_why() -> None:
    task = Task("restart PostgreSQL", "", "", ":", in_turn=True)
    other = Task("another", "", "yes", ":")
    changes = (TaskChange(task, "restart PostgreSQL (max_connections)"), TaskChange(other, ""))
    host = HostPlan("db-1", False, (), False, (RolePlan("db-1", "postgresql", tasks=changes),))
    assert expected(Plan((host,))) == {"db-1": "restart PostgreSQL (max_connections)"}
