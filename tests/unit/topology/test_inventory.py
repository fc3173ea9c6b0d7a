"""Opening an inventory: finds its project, writes nothing, stays light, and says what to type when there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from massive_deploy.errors import InvalidInput
from massive_deploy.inventory import find_project, open_inventory, save

ROOT = Path(__file__).resolve().parents[3]
TEXT = """\
name: {name}
stack: {stack}
target: docker
docker: {{memory: {memory}}}
app: {{source: ., settings: shop.settings}}
"""


def inventory(folder: Path, stack: str = "massive", memory: str = "4GiB") -> Path:
    folder.mkdir(parents=True)
    text = TEXT.format(name=folder.name, stack=stack, memory=memory)
    (folder / "topology.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_demo_opens() -> None:
    opened = open_inventory(ROOT / "inventories/demo")
    assert opened.name == "demo"
    assert opened.warnings == ()
    assert {"postgresql", "nginx", "app"} <= set(opened.layout.roles)


def test_opening_writes_nothing_and_saving_records_the_placement_once(tmp_path: Path) -> None:
    folder = inventory(tmp_path / "demo")
    opened = open_inventory(folder / "topology.yaml")
    assert [entry.name for entry in folder.iterdir()] == ["topology.yaml"]
    assert save(opened)
    again = open_inventory(folder)
    assert again.layout == opened.layout
    assert not save(again)


def test_a_project_brings_its_own_stacks(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    small = (ROOT / "stacks/small.yaml").read_text(encoding="utf-8")
    (tmp_path / "stacks/tiny.yaml").write_text(small.replace("all", "tiny"), encoding="utf-8")
    folder = inventory(tmp_path / "inventories/demo", stack="tiny")
    assert find_project(folder) == tmp_path
    assert [host.name for host in open_inventory(folder).layout.hosts] == ["tiny-1"]


def test_a_folder_outside_inventories_has_no_project(tmp_path: Path) -> None:
    (tmp_path / "roles").mkdir()
    assert find_project(inventory(tmp_path / "somewhere/demo")) is None


def test_what_does_not_fit_is_refused_with_its_sum(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"all-1: memory in MiB: .* = \d+, more than 256"):
        open_inventory(inventory(tmp_path / "demo", stack="small", memory="256"))


def test_a_missing_topology_names_what_exists_and_what_to_type(tmp_path: Path) -> None:
    inventory(tmp_path / "inventories/prod")
    for path in (tmp_path / "inventories/staging", tmp_path / "inventories/staging/topology.yaml"):
        with pytest.raises(InvalidInput, match="no topology here") as refusal:
            open_inventory(path)
        [problem] = refusal.value.problems
        assert "there are inventories here: prod" in problem.fix
        assert "massive-deploy init" in problem.fix


def test_opening_needs_no_heavy_library() -> None:
    code = (
        "import sys; from pathlib import Path; from massive_deploy.inventory import open_inventory; "
        f"open_inventory(Path({str(ROOT / 'inventories/demo')!r})); "
        "print(sorted({'pyinfra', 'docker', 'jinja2', 'gevent', 'paramiko', 'testinfra'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["is a folder", "leads back to itself"])
def test_what_is_no_file_in_the_topologys_place_is_named(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "topology.yaml"
    if kind == "is a folder":
        place.mkdir()
    else:
        place.symlink_to("topology.yaml")
    with pytest.raises(InvalidInput, match=kind):
        open_inventory(tmp_path)
