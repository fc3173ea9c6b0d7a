"""One cluster becomes two while customers order: half of the logical shards move, and nobody notices."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from harness import ROOT, Stack, stack
from orders import Orders
from warm import warm

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-rebalance"
DATABASE = NAME.replace("-", "_")
LOGICAL = 16
TOPOLOGY = """
name: {name}
stack: sharded
target: docker
app_servers: 2
shards: 1
sharding: {{logical: 16, apps: [orders]}}
app:
  source: {source}
  settings: shop.settings
  worker: shop
  health: /-/health
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("rebalance"), NAME) as found:
        found.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        found.up()
        yield found


def held(made: Stack) -> Counter[str]:
    """How often each order is in all shards together."""
    found: Counter[str] = Counter()
    psql = f"runuser -u app -- psql -h /run/postgresql -p 6432 -U {DATABASE}_shards -XAtqc"
    for number in range(LOGICAL):
        found.update(made.on("app-1", f'{psql} "select id from orders_order" -d {DATABASE}_shard{number:04d}').split())
    return found


def test_half_of_the_shards_move_to_a_new_cluster_under_load(made: Stack) -> None:
    with Orders(made) as customers:
        assert "next: massive-deploy shard rebalance" in made.command("shard", "add", str(made.folder)).stdout
        assert "0-15" in (made.folder / "shards.yaml").read_text(encoding="utf-8")
        said = made.command("shard", "rebalance", str(made.folder)).stdout
        time.sleep(1)
    assert len(re.findall(r"clients waited \d+ ms", said)) == LOGICAL // 2, said
    assert customers.failures == [], "\n".join(customers.failures)
    now = held(made)
    assert {one: now[one] for one in customers.ids if now[one] != 1} == {}
    assert '"0-7": 1\n  "8-15": 2\n' in (made.folder / "shards.yaml").read_text(encoding="utf-8")
    assert "no move open" in made.command("shard", "status", str(made.folder)).stdout


def test_a_cluster_with_shards_cannot_be_taken_out(made: Stack) -> None:
    refused = made.command("scale", str(made.folder), "shards=1", "--yes", code=6)
    assert "logical shards 8-15 live in clusters above 1" in refused.stdout + refused.stderr


def test_nothing_is_left_to_do(made: Stack) -> None:
    made.up()
    assert " 0 operations" in made.up()
    made.command("verify", str(made.folder))
