"""Counts change in the file's own text, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from massive_deploy.errors import InvalidInput
from massive_deploy.topology.document import read
from massive_deploy.topology.edit import COUNTS, scaled


def edited(folder: Path, text: str, **counts: int) -> str:
    file = folder / "topology.yaml"
    file.write_text(text, encoding="utf-8")
    return scaled(text, read(file), counts)


def test_what_can_be_scaled_follows_from_the_model() -> None:
    assert set(COUNTS) == {"edge_servers", "app_servers", "replicas", "shards"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("app_servers: 2\n", "app_servers: 4\n"),
        ("app_servers:   2   # one for each rack\n", "app_servers:   4   # one for each rack\n"),
        ("# first\n\napp_servers: 12\nreplicas: 2\n", "# first\n\napp_servers: 4\nreplicas: 2\n"),
        ("{name: demo, app_servers: 2, replicas: 1}\n", "{name: demo, app_servers: 4, replicas: 1}\n"),
        ('"app_servers": 2\n', '"app_servers": 4\n'),
        ("app_servers: 2", "app_servers: 4"),
        ("app_servers: 2\r\nname: x\r\n", "app_servers: 4\r\nname: x\r\n"),
    ],
)
def test_a_number_is_replaced_where_it_stands(tmp_path: Path, before: str, after: str) -> None:
    assert edited(tmp_path, before, app_servers=4) == after


def test_counts_that_are_not_there_come_below_the_first_words(tmp_path: Path) -> None:
    text = "name: demo  # ours\ntarget: docker\ndocker:\n  memory: 1GiB\napp: {source: .}\n"
    lines = edited(tmp_path, text, replicas=2, shards=3).splitlines()
    assert lines == [*text.splitlines()[:2], "replicas: 2", "shards: 3", *text.splitlines()[2:]]
    assert edited(tmp_path, "name: demo", replicas=2) == "name: demo\nreplicas: 2\n"


def test_several_counts_at_once(tmp_path: Path) -> None:
    found = edited(tmp_path, "name: demo\nreplicas: 1\napp_servers: 2\n", app_servers=4, replicas=2, shards=2)
    assert found == "name: demo\nreplicas: 2\napp_servers: 4\nshards: 2\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x-many: &many 2\napp_servers: *many\n", "not a plain number"),
        ("app_servers: !!int 2\n", "not a plain number"),
        ("{name: demo}\n", "has no line of its own"),
        ("docker: {memory: 1GiB}\n", "has no line of its own"),
    ],
)
def test_what_cannot_be_edited_is_left_to_the_user(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        edited(tmp_path, text, app_servers=4)
