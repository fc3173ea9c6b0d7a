"""An edit between two revisions, seen without a host: the real command renders both."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from massive_deploy.errors import InvalidInput, MassiveDeployError
from massive_deploy.operate.compare import compare, diff

TOPOLOGY = """
name: prod
stack: small
target: docker
docker: {memory: 2GiB}
app: {source: https://example.com/site.git, settings: mysite.settings}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    folder = tmp_path / "inventories/prod"
    folder.mkdir(parents=True)
    (folder / "topology.yaml").write_text(TOPOLOGY, encoding="utf-8")
    git = ("git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.com")
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "first")):
        subprocess.run([*git, *words], check=True, capture_output=True)
    return folder


def test_nothing_differs_from_what_was_committed(inventory: Path) -> None:
    assert list(compare(inventory, "HEAD", None)) == []


def test_an_edit_shows_only_the_files_it_changes(inventory: Path) -> None:
    file = inventory / "topology.yaml"
    file.write_text(TOPOLOGY + "roles: {memcached: {memory: 77}}\n", encoding="utf-8")
    lines = list(compare(inventory, "HEAD", None))
    assert {line.split()[1] for line in lines if line.startswith("+++")} == {"all-1/etc/memcached.conf"}
    assert "+-m 77" in lines


def test_a_wrong_topology_and_an_unknown_revision_are_said(inventory: Path) -> None:
    (inventory / "topology.yaml").write_text("name: [", encoding="utf-8")
    with pytest.raises(InvalidInput):
        list(compare(inventory, "HEAD", None))
    with pytest.raises(MassiveDeployError, match="found nothing"):
        list(compare(inventory, "no-such-branch", None))


def test_added_and_removed_files_are_whole() -> None:
    assert list(diff({"a": "1\n"}, {"b": "2\n"}, "x", "y")) == [
        "--- a (x)",
        "+++ a (y)",
        "@@ -1 +0,0 @@",
        "-1",
        "--- b (x)",
        "+++ b (y)",
        "@@ -0,0 +1 @@",
        "+2",
    ]
