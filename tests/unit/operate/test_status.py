"""Statuses from what real hosts answer."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from typing import Any

from rich.console import Console

from massive_deploy.operate.patroni import members
from massive_deploy.operate.status import Status, collect, combine, urls
from massive_deploy.operate.status_database import Database, lag
from massive_deploy.operate.status_parse import parse
from massive_deploy.operate.status_report import duration, size, tables, to_json
from massive_deploy.operate.status_script import script
from massive_deploy.topology.layout import Host, Layout, Port
from massive_deploy.topology.model import App, Topology

HOSTS = (
    Host("app1", "app", ("edge", "app", "monitor"), "10.0.0.1", 1),
    Host("db1", "db", ("database",), "10.0.0.2", 1, cluster=1),
    Host("db2", "db", ("database",), "10.0.0.3", 2, cluster=1),
)
LAYOUT = Layout(
    "demo",
    Topology(name="demo", app=App(source=".", settings="shop.settings", worker="shop")),
    HOSTS,
    {"app": ("app1",), "nginx": ("app1",), "monitoring": ("app1",), "postgresql": ("db1", "db2")},
    {},
    {"postgresql": (Port("sql", 5432), Port("rest", 8018)), "monitoring": (Port("prometheus", 9090),)},
    {},
)
MACHINE = "@@ machine\n3035.50\n0.49\nMemTotal:        1048576 kB\nMemAvailable:     524288 kB\n\n"
CLUSTER = """{"members": [
  {"name": "db1", "role": "replica", "state": "streaming", "api_url": "http://10.0.0.2:8018/patroni",
   "host": "10.0.0.2", "port": 5432, "timeline": 3, "lag": 0},
  {"name": "db2", "role": "leader", "state": "running", "api_url": "http://10.0.0.3:8018/patroni", "host": "10.0.0.3",
   "port": 5432, "timeline": 3}], "scope": "demo-1"}"""
PATRONI = (
    "@@ units\nNRestarts=2\nId=patroni.service\nLoadState=loaded\nActiveState=active\nSubState=running\n"
    f"UnitFileState=enabled\n\n@@ patroni\n{CLUSTER}\n"
)
APP = (
    MACHINE + "@@ units\nNRestarts=0\nId=app.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\n"
    "UnitFileState=enabled\n\nId=app.socket\nLoadState=loaded\nActiveState=active\nSubState=listening\n"
    "UnitFileState=enabled\n\n@@ release\n/srv/app/releases/20260101-1\n\n@@ end\n"
)
REPLICA = f"{MACHINE}{PATRONI}@@ database\nself|t|50331648|3|t|f\n\n@@ end\n"
LEADER = f"{MACHINE}{PATRONI}@@ database\nself|f|51380224|3|f|f\nreplica|db1|0.250000\n\n@@ end\n"


def status(app: str = APP, replica: str = REPLICA, leader: str = LEADER) -> Status:
    answers = {"app1": app, "db1": replica, "db2": leader}
    return combine(LAYOUT, [parse(name, answer) for name, answer in answers.items()])


def text(shown: Status) -> str:
    out = io.StringIO()
    Console(file=out, width=140).print(tables(shown))
    return out.getvalue()


def test_a_host_is_read_whole() -> None:
    host = parse("app1", APP)
    assert (host.uptime, host.load, host.memory_total_mb, host.memory_available_mb) == (3035.5, 0.49, 1024, 512)
    assert [(unit.name, unit.active, unit.good) for unit in host.units] == [
        ("app", "failed", False),
        ("app.socket", "active", True),
    ]
    assert host.release == "20260101-1"
    assert not host.good


def test_the_leader_comes_first_and_lag_is_across_hosts() -> None:
    (cluster,) = status().clusters
    assert cluster.leader == "db2"
    leader, replica = cluster.members
    assert (leader.name, leader.role, leader.timeline, leader.lag_bytes) == ("db2", "leader", 3, None)
    assert (replica.name, replica.state, replica.lag_bytes, replica.lag_seconds) == ("db1", "streaming", 1048576, 0.25)
    assert cluster.good


def test_lag_rules() -> None:
    leader = Database(True, 1000, 1, replay_lag={"r": 5.0, "idle": None})
    assert lag("r", Database(False, 1000, 1, receiving=True), leader) == (0, 0.0)
    assert lag("r", Database(False, 400, 1, receiving=True), leader) == (600, 5.0)
    assert lag("idle", Database(False, 999, 1, receiving=True), leader) == (1, None)
    assert lag("r", Database(False, 1000, 1, receiving=False), leader) == (0, math.inf)
    assert lag("r", Database(False, 1200, 1, receiving=True), leader) == (0, 0.0)
    assert lag("r", Database(False, 1, 1, receiving=True), None) == (None, None)
    assert lag("r", None, leader) == (None, 5.0)


def test_a_replica_that_receives_nothing_is_not_good() -> None:
    cut = status(replica=REPLICA.replace("|t|f\n", "|f|f\n"))
    assert cut.clusters[0].members[1].lag_seconds == math.inf
    assert not cut.clusters[0].good
    assert "receives nothing" in text(cut)
    assert '"lag_seconds": null' in json.dumps(to_json(cut)["clusters"], allow_nan=False)


STUCK = REPLICA.replace("self|t|50331648|3|t|f\n", "self|t|50331648|2|f|f\nsilent|95.5\n")


def test_a_replica_that_stays_on_a_timeline_the_leader_has_left_is_stuck() -> None:
    cluster = CLUSTER.replace('"streaming"', '"running"').replace('"timeline": 3, "lag"', '"timeline": 2, "lag"')
    shown = status(replica=STUCK, leader=LEADER.replace(CLUSTER, cluster))
    assert [(m.name, m.stuck) for m in shown.clusters[0].members] == [("db2", False), ("db1", True)]
    out = io.StringIO()
    Console(file=out, width=140).print(tables(shown, "inv"))
    assert "db1 is stuck: massive-deploy reinit inv db1" in out.getvalue()
    assert to_json(shown, "inv")["clusters"][0]["members"][1]["advice"] == "massive-deploy reinit inv db1"


def test_a_replica_on_its_way_back_is_not_stuck() -> None:
    def told(own: str) -> bool:
        return status(replica=own).clusters[0].members[1].stuck

    assert told(STUCK)
    assert not told(STUCK.replace("silent|95.5", "silent|3.5")), "it has only begun"
    assert not told(STUCK.replace("|2|f|f", "|3|t|f")), "an idle leader sends nothing"
    assert not status(replica=STUCK, leader=REPLICA).clusters[0].members[1].stuck, "nobody leads"


def test_paused_replay_is_said() -> None:
    assert status(replica=REPLICA.replace("|t|f\n", "|t|t\n")).clusters[0].members[1].state == "paused"


def test_without_a_leader_nobody_leads() -> None:
    lost = CLUSTER.replace('"leader"', '"replica"').replace("running", "streaming")
    answer = REPLICA.replace(CLUSTER, lost)
    (cluster,) = status(replica=answer, leader=answer).clusters
    assert cluster.leader is None
    assert not cluster.good
    assert "no single leader" in text(status(replica=answer, leader=answer))


def test_without_patroni_the_servers_are_believed() -> None:
    def without(answer: str) -> str:
        return answer.replace(CLUSTER, "")

    (cluster,) = status(replica=without(REPLICA), leader=without(LEADER)).clusters
    assert [(m.name, m.role, m.state) for m in cluster.members] == [
        ("db2", "leader", "running"),
        ("db1", "replica", "streaming"),
    ]


def test_a_server_that_is_down_is_unknown_not_zero() -> None:
    (cluster,) = status(leader=LEADER.replace("self|f|51380224|3|f|f\nreplica|db1|0.250000\n", "")).clusters
    replica = cluster.members[1]
    assert (replica.lag_bytes, replica.lag_seconds) == (None, None)


def test_broken_answers_break_nothing() -> None:
    assert parse("db1", "bash: oops").error == "the answer is incomplete"
    assert parse("db1", "@@ end\n").units == ()
    assert members("<html>") == ()
    assert members("[]") == ()
    assert members('{"members": [{"name": "a", "lag": "unknown"}]}')[0].timeline is None


def test_a_host_that_says_nothing_is_shown_with_the_reason() -> None:
    shown = collect(LAYOUT, {"app1": APP, "db2": LEADER}, {"db1": "No route to host"})
    assert shown.hosts[1].error == "No route to host"
    assert shown.clusters[0].leader == "db2"
    assert not shown.good


def test_the_script_asks_what_the_roles_need() -> None:
    app, database = script(LAYOUT, "app1"), script(LAYOUT, "db1")
    assert "readlink /srv/app/current" in app
    assert "psql" not in app
    assert "http://10.0.0.2:8018/cluster" in database
    assert "'@@ end'" in database
    assert "/var/lib/massive-deploy/managed/" in app
    assert "-- 'a b'" in script(LAYOUT, "app1", ["a b"])


def test_tables_and_json() -> None:
    shown = status()
    words = text(shown)
    for word in ("app:failed", "demo-1", "1 MiB", "0.2 s", "release 20260101-1 on app1", "http://10.0.0.1/", "50 min"):
        assert word in words
    data: dict[str, Any] = json.loads(json.dumps(to_json(shown), allow_nan=False))
    assert data["clusters"][0]["leader"] == "db2"
    assert data["releases"] == {"20260101-1": ["app1"]}
    assert data["good"] is False


def test_good_means_everything() -> None:
    well = status(app=APP.replace("=failed", "=active"))
    assert well.good
    assert not replace(well, releases={"1": ("app1",), "2": ("app2",)}).good
    assert not combine(LAYOUT, []).good
    assert combine(LAYOUT, []).hosts[0].error == "not asked"


def test_the_monitors_pages_are_reached_by_ssh_where_a_packet_filter_is() -> None:
    from types import SimpleNamespace

    from massive_deploy.topology.model import SshHost

    machines = replace(LAYOUT, topology=LAYOUT.topology.model_copy(update={"target": "docker"}))
    assert "these by ssh, at localhost" not in urls(machines)
    closed = replace(machines, settings={"firewall": SimpleNamespace(enabled=True)})
    made = urls(closed)["these by ssh, at localhost"].split()
    assert made[:4] == ["ssh", "-N", "-L", "9090:10.0.0.1:9090"]
    assert made[-1] == "root@10.0.0.1"
    given = LAYOUT.topology.model_copy(
        update={"hosts": {"app1": SshHost(address="10.0.0.1", port=2200, user="deploy")}}
    )
    line = urls(replace(closed, topology=given))["these by ssh, at localhost"]
    assert line == "ssh -N -L 9090:10.0.0.1:9090 -p 2200 deploy@10.0.0.1"


def test_units_of_measure() -> None:
    assert [duration(s) for s in (5, 61, 7200, 90000, math.nan)] == ["5 s", "1 min", "2 h", "1 d", "?"]
    assert [size(n) for n in (0, 1023, 1536, 1024**3, None)] == ["0 B", "1023 B", "1.5 KiB", "1 GiB", "?"]
