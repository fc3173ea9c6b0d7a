"""Counts as they are typed, and a file that is as it was when they are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from massive_deploy.errors import InvalidInput, MassiveDeployError
from massive_deploy.inventory import Inventory, open_inventory
from massive_deploy.operate.scale import Edit, wanted

TEXT = "name: trial\ntarget: docker\napp_servers: 2  # two\napp: {source: ., settings: a.b}\n"


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    (tmp_path / "topology.yaml").write_text(TEXT, encoding="utf-8")
    return open_inventory(tmp_path)


def test_counts_are_given_or_counted_from_what_is_there(inventory: Inventory) -> None:
    assert wanted(["app_servers=4", "replicas=+1"], inventory) == {"app_servers": 4, "replicas": 2}
    assert wanted(["app_servers=-1"], inventory) == {"app_servers": 1}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("app_servers", "is no count"),
        ("app_servers=many", "is no count"),
        ("replica=2", "did you mean 'replicas'"),
        ("name=2", "'name' cannot be scaled"),
    ],
)
def test_what_is_no_count_is_told(inventory: Inventory, word: str, said: str) -> None:
    with pytest.raises(MassiveDeployError, match=said):
        wanted([word], inventory)


def test_the_edit_can_be_undone(inventory: Inventory) -> None:
    file = inventory.folder / "topology.yaml"
    edit = Edit(file, {"app_servers": 3})
    assert edit.apply().topology.app_servers == 3
    assert file.read_text(encoding="utf-8") == TEXT.replace("2  # two", "3  # two")
    edit.undo()
    assert file.read_text(encoding="utf-8") == TEXT


def test_counts_that_no_stack_can_have_leave_the_file_as_it_was(inventory: Inventory) -> None:
    file = inventory.folder / "topology.yaml"
    with pytest.raises(InvalidInput, match="replicas"):
        Edit(file, {"replicas": 99}).apply()
    assert file.read_text(encoding="utf-8") == TEXT
