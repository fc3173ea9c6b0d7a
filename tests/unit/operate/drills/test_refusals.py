"""A drill touches nothing where it may not, or where the stack is not well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from massive_deploy.errors import MassiveDeployError, Refused
from massive_deploy.inventory import Inventory, open_inventory
from massive_deploy.operate.drills import run, strike
from massive_deploy.operate.drills.faults import FAULTS
from massive_deploy.operate.drills.scene import Scene, Strokes
from massive_deploy.operate.drills.well import trouble
from massive_deploy.operate.journal import Run
from massive_deploy.operate.patroni import Node
from massive_deploy.topology.layout import Cluster, Host

SSH = """
name: trial
stack: massive
target: ssh
drills: {drills}
app_servers: 1
edge_servers: 1
replicas: 1
cache: {{memcached: 1}}
hosts:
  edge-1: {{address: 10.0.0.2}}
  app-1: {{address: 10.0.0.1}}
  db-1: {{address: 10.0.0.3}}
  db-2: {{address: 10.0.0.4}}
  cache-1: {{address: 10.0.0.5}}
  monitor-1: {{address: 10.0.0.6}}
app: {{source: ., settings: shop.settings}}
"""


def inventory(folder: Path, drills: str) -> Inventory:
    (folder / "topology.yaml").write_text(SSH.format(drills=drills), encoding="utf-8")
    return open_inventory(folder)


def journal(folder: Path) -> Run:
    return Run("drill", folder, folder / "20300101-100000-drill.log")


@pytest.fixture
def no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_args: Any, **_options: Any) -> None:
        pytest.fail("a host was contacted")

    monkeypatch.setattr(run, "session", never)


@pytest.mark.usefixtures("no_host")
def test_refused_unless_the_topology_allows_it(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not allow drills") as error:
        run.drill(inventory(tmp_path, "refused"), run.Wish("leader-crash"), journal(tmp_path), lambda _: None)
    assert "drills: allowed" in error.value.fix
    assert error.value.code == 3


@pytest.mark.usefixtures("no_host")
@pytest.mark.parametrize("wish", [run.Wish("leader-crush"), run.Wish("leader-crash", cluster=9)])
def test_what_does_not_exist_is_said_before_any_host_is_asked(tmp_path: Path, wish: run.Wish) -> None:
    with pytest.raises(MassiveDeployError, match="there is no"):
        run.drill(inventory(tmp_path, "allowed"), wish, journal(tmp_path), lambda _: None)


def test_given_machines_are_reset_only_when_asked(tmp_path: Path) -> None:
    found = inventory(tmp_path, "allowed")
    scene = Scene(found.layout, found.layout.clusters[0], "db-1", ("db-2",), "app-1")
    strokes = FAULTS["leader-power-off"].strokes(scene)
    with pytest.raises(Refused, match="db-1 is no machine"):
        strike.checked(found, strokes, reboot=False)
    assert "sysrq-trigger" in strike.checked(found, strokes, reboot=True).inject["db-1"]


def test_our_own_machines_need_no_reset(tmp_path: Path) -> None:
    found = inventory(tmp_path, "allowed")
    strokes = Strokes({"db-1": "true"}, {"db-1": "true"})
    assert strike.checked(found, strokes, reboot=False) == strokes


CLUSTER = Cluster(1, "trial-1", tuple(Host(f"db-{n}", "db", (), f"10.0.0.{n}", n, 1) for n in (1, 2, 3)))


def node(role: str, *, streams: bool = True, synchronous: bool = False) -> Node:
    return Node(role, "running", 1, 100, 100, streams, synchronous, pending_restart=False, paused=False)


def nodes(*listed: Node | None) -> dict[str, Node]:
    return {f"db-{n}": one for n, one in enumerate(listed, 1) if one is not None}


REPLICA, LEADER = node("replica"), node("primary", streams=False)


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        (nodes(LEADER, REPLICA, REPLICA), ""),
        (nodes(LEADER, REPLICA, None), "Patroni does not answer on db-3"),
        (nodes(REPLICA, REPLICA, REPLICA), "no node leads"),
        (nodes(LEADER, LEADER, REPLICA), "db-1 and db-2 lead"),
        (nodes(LEADER, node("replica", streams=False), REPLICA), "db-2 does not stream"),
    ],
)
def test_what_is_wrong_with_a_cluster(told: dict[str, Node], wrong: str) -> None:
    assert trouble(told, CLUSTER, synchronous=False) == wrong


def test_commits_must_be_confirmed_where_they_wait_for_it() -> None:
    assert "no replica confirms" in trouble(nodes(LEADER, REPLICA, REPLICA), CLUSTER, synchronous=True)
    confirmed = nodes(LEADER, node("replica", synchronous=True), REPLICA)
    assert trouble(confirmed, CLUSTER, synchronous=True) == ""
