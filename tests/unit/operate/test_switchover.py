"""Clients that were held back are let go, whatever becomes of the change."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, cast

import pytest

from massive_deploy.engine.step import Output
from massive_deploy.errors import HostsFailed, MassiveDeployError, Refused
from massive_deploy.operate.election import Change, order
from massive_deploy.operate.look import the_cluster
from massive_deploy.operate.patroni import Patroni
from massive_deploy.operate.reinit import of
from massive_deploy.operate.switchover import carry_out
from tests.unit.roles.database_stack import secret, view

LAYOUT = view("haproxy", "app-1", shards=2, replicas=2).layout
CLUSTER = LAYOUT.clusters[0]
ADDRESSES = {host.name: host.address for host in CLUSTER.hosts}
ELECTION = Change("db-2", "switchover", "db-1", "", ADDRESSES)


class Hosts:
    """A fleet that notes what it is asked, and answers the conductor's question with `told`."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told, self.asked = told, list[tuple[str, str]]()

    def run(self, host: str, script: str, stdin: str = "", timeout: int = 60) -> Output:  # noqa: ARG002
        self.asked.append((host, "commit" if "pg_logical_emit_message" in script else stdin))
        return Output(True, json.dumps(self.told), "")


class Crew:
    """Notes what it is asked to do."""

    holds = True

    def __init__(self, problems: Mapping[str, str] | None = None, reach: Collection[str] = tuple(ADDRESSES)) -> None:
        self.problems, self.reach, self.done = problems or {}, reach, list[str]()

    def prepare(self) -> None:
        self.done.append("prepare")

    def pause(self) -> Mapping[str, str]:
        self.done.append("pause")
        return self.problems

    def hurry(self, leader: str) -> Mapping[str, str]:
        self.done.append(f"hurry {leader}")
        return {}

    def resume(self) -> Mapping[str, str]:
        self.done.append("resume")
        return {}


def carried(hosts: Hosts, crew: Crew, *, despite: bool = False) -> tuple[str, list[str]]:
    patroni = Patroni(cast("Any", hosts), LAYOUT, secret)
    changed, _, warnings = carry_out(patroni, CLUSTER, ELECTION, cast("Any", crew), lambda _: None, despite=despite)
    return changed.leader, warnings


def test_clients_wait_from_before_the_order_until_the_new_leader_is_known() -> None:
    hosts, crew = Hosts({"leader": "db-3", "stopped": 0.2, "took": 1.5}), Crew()
    assert carried(hosts, crew) == ("db-3", [])
    assert crew.done == ["prepare", "pause", "hurry db-3"]
    assert hosts.asked[-1] == ("db-3", "commit")


def test_a_leader_that_cannot_be_reached_is_asked_for_nothing() -> None:
    hosts = Hosts({"leader": "db-3"})
    carried(hosts, Crew(reach=("db-2", "db-3")))
    assert {host for host, _ in hosts.asked} == {"db-2", "db-3"}


def test_clients_are_let_go_when_nobody_takes_over() -> None:
    crew = Crew()
    with pytest.raises(HostsFailed) as failed:
        carried(Hosts({"leader": "", "answer": "412 no good candidates", "stopped": None}), crew)
    assert crew.done == ["prepare", "pause", "resume"]
    assert failed.value.failures[0].cause == "the leader did not change: 412 no good candidates"


def test_when_clients_cannot_be_held_back_nothing_is_ordered() -> None:
    hosts, crew = Hosts({}), Crew({"app-2": "a transaction goes on"})
    with pytest.raises(Refused, match="app-2: a transaction goes on"):
        carried(hosts, crew)
    assert ([text for _, text in hosts.asked if text], crew.done) == ([], ["prepare", "pause", "resume"])


def test_despite_that_it_goes_on_and_says_so() -> None:
    crew = Crew({"app-2": "a transaction goes on"})
    leader, warnings = carried(Hosts({"leader": "db-3"}), crew, despite=True)
    assert leader == "db-3"
    assert "a transaction goes on" in warnings[0]


def test_an_election_names_nobody_and_may_delete_the_key() -> None:
    wish = order(Patroni(cast("Any", None), LAYOUT, secret), CLUSTER, ELECTION, 60)
    assert wish["url"] == "http://10.0.1.1:8008/switchover", "any other Patroni would not wake the leader"
    assert wish["wish"] == {"leader": "db-1"}
    assert wish["etcd"]["folder"] == "/massive/trial/trial-1/"
    assert wish["etcd"]["urls"] == [f"http://10.0.1.{n}:2379" for n in (1, 2, 3)]
    assert wish["members"]["db-3"] == "http://10.0.1.3:8008"


def test_a_named_candidate_leaves_the_key_to_patroni() -> None:
    patroni = Patroni(cast("Any", None), LAYOUT, secret)
    wish = order(patroni, CLUSTER, Change("db-2", "switchover", "db-1", "db-2", ADDRESSES), 60)
    assert (wish["wish"], wish["etcd"]) == ({"leader": "db-1", "candidate": "db-2"}, None)
    failover = order(patroni, CLUSTER, Change("db-2", "failover", "db-1", "db-2", ADDRESSES), 60)
    assert failover["url"] == "http://10.0.1.2:8008/failover"
    assert failover["wish"] == {"candidate": "db-2"}, "with a leader named it would be a switchover"


def test_passwords_go_over_standard_input_only() -> None:
    given: list[str] = []

    class Listening(Hosts):
        def run(self, host: str, script: str, stdin: str = "", timeout: int = 60) -> Output:
            given.append(script)
            return super().run(host, script, stdin, timeout)

    hosts = Listening({"leader": "db-3"})
    carried(hosts, Crew())
    assert all(secret(name) not in script for name in ("postgresql/rest", "etcd/patroni") for script in given)
    assert any(secret("etcd/patroni") in text for _, text in hosts.asked)


def test_a_cluster_is_named_by_number_or_name_and_only_where_needed() -> None:
    assert the_cluster(LAYOUT, "2") == the_cluster(LAYOUT, "trial-2") == LAYOUT.clusters[1]
    with pytest.raises(MassiveDeployError) as several:
        the_cluster(LAYOUT, "")
    assert "1 (trial-1), 2 (trial-2)" in several.value.fix
    with pytest.raises(MassiveDeployError, match="no database cluster 'x'"):
        the_cluster(LAYOUT, "x")
    assert the_cluster(view("haproxy", "app-1").layout, "").number == 1


def test_a_host_that_is_no_database_cannot_be_made_anew() -> None:
    assert of(LAYOUT, "db-5").name == "trial-2"
    with pytest.raises(MassiveDeployError, match="no database host app-1"):
        of(LAYOUT, "app-1")
