"""Edits that would take data away are refused with a table and the command that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from massive_deploy.desired import Desired, Guard
from massive_deploy.engine.narrow import Selection
from massive_deploy.engine.observed import Observed
from massive_deploy.errors import Exit, Refused
from massive_deploy.inventory import Inventory, open_inventory, save
from massive_deploy.operate.guards import leaving, refuse_endangered, refuse_loss
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


def test_a_host_that_was_given_up_is_not_asked_for_again_and_still_reported(folder: Path) -> None:
    save(edited(folder, replicas=1))
    again = edited(folder, replicas=1)
    refuse_loss(again)
    assert [line.split()[0] for line in leaving(again)] == ["db-3"]


def test_naming_only_some_of_them_is_not_enough(folder: Path) -> None:
    save(edited(folder, shards=2))
    with pytest.raises(Refused, match="database cluster 2"):
        refuse_loss(edited(folder, shards=1), ["db-4", "db-5"])


def test_a_change_of_etcds_members_is_refused_until_the_one_that_leaves_is_named(folder: Path) -> None:
    inventory = edited(folder, replicas=0)
    with pytest.raises(Refused, match="db-2 would leave, cache-1 would join"):
        refuse_loss(replace(inventory, layout=replace(inventory.layout, leaving=())), ["db-3"])
    refuse_loss(inventory, ["db-2", "db-3"])


def test_two_members_of_etcd_at_once_are_refused_whatever_is_named(folder: Path) -> None:
    inventory = edited(folder)
    recorded = inventory.recorded
    assert recorded is not None
    moved = {name: host.model_copy(update={"parts": ["quorum"]}) for name, host in recorded.hosts.items()}
    with pytest.raises(Refused, match="etcd's members") as refusal:
        refuse_loss(replace(inventory, recorded=recorded.model_copy(update={"hosts": moved})), list(moved))
    assert "one member at a time" in refusal.value.fix


def test_another_name_is_refused_and_what_is_lost_is_named(folder: Path) -> None:
    topology = folder / "topology.yaml"
    topology.write_text(topology.read_text(encoding="utf-8").replace("name: prod", "name: test"), encoding="utf-8")
    with pytest.raises(Refused, match=r"set up as prod.*prod-1") as refusal:
        refuse_loss(open_inventory(folder), ["prod"])
    assert "put `name: prod` back" in refusal.value.fix


def test_the_other_name_of_given_hosts_goes_on_when_the_old_one_is_typed(folder: Path) -> None:
    inventory = open_inventory(folder)
    recorded = inventory.recorded
    assert recorded is not None
    renamed = replace(inventory, recorded=recorded.model_copy(update={"name": "old", "target": "ssh"}))
    with pytest.raises(Refused, match="set up as old") as refusal:
        refuse_loss(renamed)
    assert "--lose old" in refusal.value.fix
    refuse_loss(renamed, ["old"])


GUARD = Guard("data of others", "echo", "use another machine", word="db-1", set_aside="mv")
NEVER = Guard("another version", "echo", "dump and restore")


def check(folder: Path, found: Mapping[str, str], *lose: str, roles: tuple[str, ...] = ()) -> None:
    rendered = {"db-1": {"postgresql": Desired(guards=(GUARD, NEVER))}}
    refuse_endangered(edited(folder), rendered, {"db-1": Observed(guards=found)}, lose, Selection(roles=roles))


def test_what_a_guard_found_is_refused_with_host_and_words_to_go_on(folder: Path) -> None:
    with pytest.raises(Refused) as refusal:
        check(folder, {"postgresql/data of others": "member x\n12M"})
    assert "    db-1: member x\n    db-1: 12M" in refusal.value.what
    assert f"use another machine; or: massive-deploy up {folder} --lose db-1" in refusal.value.fix
    check(folder, {"postgresql/data of others": "member x"}, "db-1")


def test_a_guard_without_a_word_is_never_passed(folder: Path) -> None:
    with pytest.raises(Refused) as refusal:
        check(folder, {"postgresql/another version": "16"}, "db-1")
    assert "--lose" not in refusal.value.fix


def test_guards_of_roles_that_were_not_chosen_do_not_count(folder: Path) -> None:
    check(folder, {"postgresql/another version": "16"}, roles=("nginx",))


def test_retire_refuses_a_host_that_has_its_place(folder: Path) -> None:
    with pytest.raises(Refused, match="still has its place"):
        retire(edited(folder), "app-1", "app-1", lambda _: None)


def test_retire_wants_the_name_typed(folder: Path) -> None:
    with pytest.raises(Refused, match="deletes its copy of database cluster 1"):
        retire(edited(folder, replicas=1), "db-3", "yes", lambda _: None)
