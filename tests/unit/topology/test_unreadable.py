"""Files that cannot be read at all say so, and none of them hangs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from massive_deploy.errors import InvalidInput
from massive_deploy.inventory import open_inventory
from massive_deploy.topology.document import LARGEST, read

NOBODY = 65534


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as error:
        read(path)
    [problem] = error.value.problems
    assert problem.file == str(path)
    assert problem.fix
    return problem.what


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "is a folder"


def test_a_link_to_itself(tmp_path: Path) -> None:
    (loop := tmp_path / "topology.yaml").symlink_to("topology.yaml")
    assert refusal(loop) == "is a symbolic link that leads back to itself"


def test_a_link_to_nothing(tmp_path: Path) -> None:
    (link := tmp_path / "topology.yaml").symlink_to("elsewhere.yaml")
    assert refusal(link) == "is not there"


def test_another_users_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("private")
    (path := folder / "topology.yaml").write_text("name: demo\n", encoding="utf-8")
    path.chmod(0)
    before = os.geteuid()
    if before == 0:  # root may read everything
        os.seteuid(NOBODY)
    try:
        assert refusal(path) == "may not be read by this user"
    finally:
        os.seteuid(before)
        path.chmod(0o600)


def test_a_file_without_end(tmp_path: Path) -> None:
    with (path := tmp_path / "topology.yaml").open("wb") as handle:
        handle.truncate(LARGEST + 1)
    assert "at most" in refusal(path)


@pytest.mark.parametrize("kind", ["folder", "loop", "nothing", "pipe"])
def test_an_inventory_with_such_a_topology_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "topology.yaml"
    match kind:
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
        case "nothing":
            path.symlink_to(tmp_path / "elsewhere")
        case _:
            os.mkfifo(path)
    with pytest.raises(InvalidInput) as error:
        open_inventory(tmp_path)
    [problem] = error.value.problems
    assert str(path) in str(problem)
    assert problem.fix
