"""Logical shards: fixed at birth, where they are is recorded, and nothing but a move changes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from massive_deploy.errors import InvalidInput
from massive_deploy.topology.model import Sharding, Topology
from massive_deploy.topology.shards import FILE, ShardMap, agreed, born, dumped, moved, recorded_shards, save_shards

from .fakes import BASE


def sharding(**values: Any) -> Sharding:
    return Sharding.model_validate({"logical": 8, "apps": ["orders"], **values})


def topology(shards: int = 1, **values: Any) -> Topology:
    return Topology.model_validate({**BASE, "shards": shards, "sharding": {"logical": 8, "apps": ["orders"], **values}})


def test_a_new_stack_spreads_its_shards_evenly() -> None:
    assert born(sharding(), 1).clusters == {"0-7": 1}
    assert born(sharding(), 2).clusters == {"0-3": 1, "4-7": 2}
    assert born(sharding(), 3).clusters == {"0-2": 1, "3-5": 2, "6-7": 3}


def test_a_shard_is_written_where_it_was_moved_to() -> None:
    known = moved(born(sharding(), 1), {3: 2, 7: 2})
    assert known.clusters == {"0-2": 1, "3": 2, "4-6": 1, "7": 2}
    assert [shard.number for shard in known.shards if shard.cluster == 2] == [3, 7]
    assert known.shards[3].name == "shard0003"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    known = moved(born(sharding(), 2), {0: 2})
    assert recorded_shards(tmp_path) is None
    assert save_shards(tmp_path, known)
    assert not save_shards(tmp_path, known)
    assert recorded_shards(tmp_path) == known


@pytest.mark.parametrize(
    ("clusters", "said"),
    [
        ({"0-6": 1}, "must name the shards 0 to 7"),
        ({"0-7": 1, "3": 2}, "shard 3 is there twice"),
        ({"0-8": 1}, "must name the shards 0 to 7"),
    ],
)
def test_a_map_with_holes_is_refused(tmp_path: Path, clusters: dict[str, int], said: str) -> None:
    known = ShardMap(logical=8, strategy="hash", epoch=2026, clusters=clusters)
    (tmp_path / FILE).write_text(dumped(known), encoding="utf-8")
    with pytest.raises(InvalidInput, match=said):
        recorded_shards(tmp_path)


def test_another_cluster_changes_no_shards_place() -> None:
    known = born(sharding(), 1)
    assert agreed(topology(shards=2), known, "t") == known


def test_a_stack_that_runs_is_not_sharded_under_its_data() -> None:
    assert agreed(topology(), None, "t") is not None
    with pytest.raises(InvalidInput, match="runs without logical shards"):
        agreed(topology(), None, "t", runs=True)


def test_without_logical_shards_there_is_no_map() -> None:
    assert agreed(Topology.model_validate(BASE), None, "t") is None


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (topology(shards=2, logical=4), "put `logical: 8` back"),
        (topology(shards=2, strategy="directory"), "put `strategy: hash` back"),
        (topology(shards=2, epoch=2020), "put `epoch: 2026` back"),
        (topology(), "shards 4-7 live in clusters above 1"),
        (Topology.model_validate(BASE), "has no `sharding`"),
    ],
    ids=["fewer", "another strategy", "another epoch", "a cluster less", "none"],
)
def test_what_would_lose_rows_is_refused(now: Topology, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        agreed(now, born(sharding(), 2), "topology.yaml")
    (problem,) = caught.value.problems
    assert said in f"{problem.what}; {problem.fix}"
