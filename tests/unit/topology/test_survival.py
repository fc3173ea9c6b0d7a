"""What a stack cannot survive is said, and nothing that it can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from massive_deploy.cli.app import app
from massive_deploy.errors import Exit
from massive_deploy.topology.survival import survival

from .fakes import placed

SAFE = {"replicas": 2, "edge_servers": 2, "app_servers": 2}


def said(**values: Any) -> list[str]:
    return list(survival(placed(**values)[0]))


def about(name: str, **values: Any) -> str:
    """The line on the loss of that host; empty when it is survived."""
    found = [line for line in said(**values) if line.startswith("loss of ") and name in line.partition(":")[0]]
    return next((line for line in found if "etcd members" not in line), "")


def test_one_host() -> None:
    assert said(stack="small", app_servers=1, replicas=0) == ["one host: nothing survives its loss"]


def test_without_a_replica_the_data_are_on_one_host_only() -> None:
    assert "writes and reads stop" in about("db-1", replicas=0)
    assert "no replica" in about("db-1", replicas=0)
    assert about("db-1", replicas=1) == ""


def test_without_a_replica_each_shard_is_named() -> None:
    line = about("db-2", shards=2, replicas=0)
    assert line.startswith("loss of db-2: writes and reads of demo-2 stop")


@pytest.mark.parametrize("values", [SAFE, {**SAFE, "replicas": 1}, {**SAFE, "shards": 3}])
def test_loss_of_any_one_host_leaves_a_majority_of_etcd(values: dict[str, Any]) -> None:
    layout, _ = placed(**values)
    members = [host for host in layout.hosts if "quorum" in host.parts]
    assert len(members) == 3
    assert not [line for line in survival(layout) if "majority" in line]


def test_with_one_replica_etcd_is_on_both_database_hosts_and_a_third() -> None:
    layout, _ = placed(replicas=1)
    assert [host.name for host in layout.hosts if "quorum" in host.parts] == ["db-1", "db-2", "monitor-1"]
    assert any(line.startswith("loss of 2 of 3 etcd members (db-1, db-2, monitor-1)") for line in survival(layout))


def two_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a stack of two hosts, and an inventory in it."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks/two.yaml").write_text(
        "summary: two\nhosts:\n  db: {parts: [database, edge, app, memcached, redis, monitor], count: databases}\n"
        "quorum: [db]\n",
        encoding="utf-8",
    )
    inventory = tmp_path / "inventories/two"
    inventory.mkdir(parents=True)
    (inventory / "topology.yaml").write_text(
        "name: two\nstack: two\ntarget: docker\ndocker: {memory: 4GiB}\nreplicas: 1\napp_servers: 2\nedge_servers: 2\n"
        "app: {source: ., settings: shop.settings}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return inventory


def test_two_hosts_have_one_member_of_etcd_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, ["validate", str(two_hosts(tmp_path, monkeypatch)), "--json"])
    assert done.exit_code == Exit.DONE
    told = json.loads(done.stdout)
    assert told["warnings"] == []
    lines = {line.partition(":")[0]: line for line in told["cannot_survive"]}
    assert "writes stop (etcd has no majority left)" in lines["loss of db-1"]
    assert "etcd" not in lines.get("loss of db-2", "")


def test_validate_shows_them_as_notes_and_succeeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, ["validate", str(two_hosts(tmp_path, monkeypatch))])
    assert done.exit_code == Exit.DONE
    assert "this stack cannot survive:\n  loss of db-1" in done.stdout
    assert "warning" not in done.stdout


def test_parts_that_stand_alone() -> None:
    assert "site cannot be reached" in about("edge-1", edge_servers=1)
    assert about("edge-1", edge_servers=2) == ""
    assert "no page" in about("app-1", app_servers=1)
    assert about("app-1", app_servers=2) == ""
    assert "task queue" in about("cache-1", **SAFE)
    assert "nobody is told" in about("monitor-1", **SAFE)


def test_hosts_whose_loss_means_the_same_share_a_line() -> None:
    lines = [line for line in said(shards=2, replicas=1, failover={"synchronous": "strict"}) if "strict" in line]
    assert [line.partition(" until")[0] for line in lines] == [
        "loss of db-1 or db-2: writes of demo-1 stop",
        "loss of db-3 or db-4: writes of demo-2 stop",
    ]
    (line,) = (line for line in said(replicas=1, failover={"synchronous": "strict"}) if "strict" in line)
    assert line.startswith("loss of db-1 or db-2: writes stop until it is back")


@pytest.mark.parametrize(
    ("replicas", "synchronous", "words"),
    [
        (1, "auto", "with one replica commits do not wait"),
        (2, "auto", "loss of a leader and a replica at once"),
        (2, "off", "with 2 replicas commits do not wait"),
        (1, "quorum", "while it is away"),
        (2, "strict", "loss of a leader and a replica at once"),
    ],
)
def test_what_commits_may_lose(replicas: int, synchronous: str, words: str) -> None:
    assert words in said(replicas=replicas, failover={"synchronous": synchronous})[-1]


def test_without_replicas_nothing_is_said_of_commits() -> None:
    assert not [line for line in said(replicas=0) if "commits" in line or "leader and a replica" in line]
