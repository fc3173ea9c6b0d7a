"""Which shards are meant, where moves stand by what the clusters say, and which moves make clusters even."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from massive_deploy.errors import MassiveDeployError
from massive_deploy.inventory import Inventory, open_inventory
from massive_deploy.operate.shards.moves import balanced, chosen, open_moves, owner_of
from massive_deploy.operate.shards.stage import Stage, Standing
from massive_deploy.topology.layout import Shard
from massive_deploy.topology.model import Sharding
from massive_deploy.topology.shards import born, moved, save_shards

TOPOLOGY = """
name: trial
stack: sharded
target: docker
shards: {clusters}
sharding: {{logical: 8, apps: [orders]}}
app: {{source: ., settings: shop.settings}}
"""


def inventory(folder: Path, clusters: int = 2, **places: int) -> Inventory:
    (folder / "topology.yaml").write_text(TOPOLOGY.format(clusters=clusters), encoding="utf-8")
    where = {int(name.removeprefix("s")): cluster for name, cluster in places.items()}
    known = born(Sharding.model_validate({"logical": 8, "apps": ["orders"]}), 1)
    save_shards(folder, moved(known, where))
    return open_inventory(folder)


def states(**rows: list[tuple[str, int] | None]) -> dict[int, dict[str, Standing]]:
    """Shard → its state and peer in cluster 1, 2, …"""
    found: dict[int, dict[str, Standing]] = {1: {}, 2: {}}
    for shard, sides in rows.items():
        for cluster, side in enumerate(sides, 1):
            if side is not None:
                found[cluster][shard] = Standing(shard, *side)
    return found


@pytest.mark.parametrize(
    ("words", "numbers"),
    [(["7"], [7]), (["0-2"], [0, 1, 2]), (["shard0003", "1", "3"], [1, 3]), (["6-7", "0"], [0, 6, 7])],
)
def test_shards_are_named_by_number_range_or_name(tmp_path: Path, words: list[str], numbers: list[int]) -> None:
    assert [shard.number for shard in chosen(inventory(tmp_path), words)] == numbers


@pytest.mark.parametrize(
    ("words", "said"), [(["8"], "no shard 8"), (["x"], "'x' is no shard"), (["2-"], ""), (["7-9"], "no shard 8")]
)
def test_shards_there_are_none_of(tmp_path: Path, words: list[str], said: str) -> None:
    if not said:
        assert [shard.number for shard in chosen(inventory(tmp_path), words)] == [2]
        return
    with pytest.raises(MassiveDeployError, match=said):
        chosen(inventory(tmp_path), words)


@pytest.mark.parametrize(
    ("sides", "found"),
    [
        ([("here", 0), None], None),
        ([("here", 2), ("incoming", 1)], (1, 2, Stage.COPYING)),
        ([("fenced", 2), ("incoming", 1)], (1, 2, Stage.FENCED)),
        ([("fenced", 2), ("here", 1)], (1, 2, Stage.OPEN)),
        ([("gone", 2), ("here", 1)], (1, 2, Stage.MOVED)),
        ([("here", 2), ("gone", 1)], (2, 1, Stage.MOVED)),
        ([None, ("here", 0)], None),
    ],
)
def test_a_move_stands_where_both_clusters_say(sides: list[Any], found: Any) -> None:
    assert open_moves(states(shard0003=sides)).get("shard0003") == found


@pytest.mark.parametrize(
    ("sides", "owner"),
    [
        ([("here", 2), ("incoming", 1)], 1),
        ([("fenced", 2), ("incoming", 1)], 1),
        ([("fenced", 2), ("here", 1)], 2),
        ([("gone", 2), ("here", 1)], 2),
    ],
)
def test_one_cluster_owns_a_shard_at_every_step(sides: list[Any], owner: int) -> None:
    assert owner_of(states(shard0003=sides), Shard(3, 1)) == owner


def test_a_shard_that_nobody_has_is_an_error() -> None:
    with pytest.raises(MassiveDeployError, match="no cluster says that it has shard0003"):
        owner_of(states(shard0003=[("gone", 2), None]), Shard(3, 1))


def test_half_of_the_shards_fill_a_second_cluster(tmp_path: Path) -> None:
    assert [(shard.number, to) for shard, to in balanced(inventory(tmp_path))] == [(4, 2), (5, 2), (6, 2), (7, 2)]


def test_what_is_even_stays(tmp_path: Path) -> None:
    assert balanced(inventory(tmp_path, s1=2, s3=2, s5=2, s7=2)) == []


def test_a_third_cluster_takes_from_both(tmp_path: Path) -> None:
    wanted = balanced(inventory(tmp_path, 3, s4=2, s5=2, s6=2, s7=2))
    assert [(shard.cluster, to) for shard, to in wanted] == [(1, 3), (2, 3)]
