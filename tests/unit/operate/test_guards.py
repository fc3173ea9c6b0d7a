"""Edits that would take data away are refused with a table and the command that goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from massive_deploy.errors import Exit, Refused
from massive_deploy.inventory import Inventory, open_inventory, save
from massive_deploy.operate.guards import leaving, refuse_loss
from massive_deploy.operate.retire import retire

TOPOLOGY = """
name: prod
stack: {stack}
target: docker
app_servers: {app_servers}
replicas: {replicas}
shards: {shards}
app: {{source: ., settings: mysite.settings}}
"""


def edited(folder: Path, **counts: int | str) -> Inventory:
    values = {"stack": "massive", "app_servers": 2, "replicas": 2, "shards": 1} | counts
    (folder / "topology.yaml").write_text(TOPOLOGY.format(**values), encoding="utf-8")
    return open_inventory(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(edited(tmp_path))
    return tmp_path


def test_growing_is_never_refused(folder: Path) -> None:
    refuse_loss(edited(folder, app_servers=5, replicas=3, shards=2))


def test_fewer_app_servers_are_reported_and_allowed(folder: Path) -> None:
    inventory = edited(folder, app_servers=1)
    refuse_loss(inventory)
    assert [line.split()[0] for line in leaving(inventory)] == ["app-2"]
    assert f"massive-deploy retire {folder} app-2" in next(iter(leaving(inventory)))


def test_fewer_replicas_are_refused_with_what_would_be_lost(folder: Path) -> None:
    with pytest.raises(Refused) as refusal:
        refuse_loss(edited(folder, replicas=1))
    assert refusal.value.code == Exit.REFUSED
    assert "db-3 (10.203." in refusal.value.what
    assert "a copy of database cluster 1" in refusal.value.what
    assert "--lose db-3" in refusal.value.fix


def test_a_named_host_may_go(folder: Path) -> None:
    refuse_loss(edited(folder, replicas=1), ["db-3"])


def test_naming_only_some_of_them_is_not_enough(folder: Path) -> None:
    save(edited(folder, shards=2))
    with pytest.raises(Refused, match="database cluster 2"):
        refuse_loss(edited(folder, shards=1), ["db-4", "db-5"])


def test_moving_members_of_etcd_is_refused_whatever_is_named(folder: Path) -> None:
    with pytest.raises(Refused, match="etcd's members"):
        refuse_loss(edited(folder, replicas=0), ["db-2", "db-3"])


def test_retire_refuses_a_host_that_has_its_place(folder: Path) -> None:
    with pytest.raises(Refused, match="still has its place"):
        retire(edited(folder), "app-1", "app-1", lambda _: None)


def test_retire_wants_the_name_typed(folder: Path) -> None:
    with pytest.raises(Refused, match="deletes its copy of database cluster 1"):
        retire(edited(folder, replicas=1), "db-3", "yes", lambda _: None)
