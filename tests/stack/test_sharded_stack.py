"""Two shards: two clusters, each with a leader and a replica of its own, each behind its own alias."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from harness import ROOT, Stack, stack
from warm import warm

pytestmark = pytest.mark.stack
NAME = "md-sharded"
TOPOLOGY = """
name: {name}
stack: sharded
target: docker
app_servers: 1
shards: 2
app:
  source: {source}
  settings: shop.settings
  health: /-/health
"""


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("sharded"), NAME) as made:
        made.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        made.up()
        yield made


def test_each_shard_has_a_leader_and_a_streaming_replica(sharded: Stack) -> None:
    status = json.loads(sharded.command("status", str(sharded.folder), "--json").stdout)
    roles = [sorted(member["role"] for member in cluster["members"]) for cluster in status["clusters"]]
    assert roles == [["leader", "replica"], ["leader", "replica"]]


def test_each_alias_reaches_its_own_cluster(sharded: Stack) -> None:
    seen = sharded.http("/api/shards/").json
    hosts = sharded.hosts()
    cluster = {host["address"]: host["cluster"] for host in hosts.values()}
    reached = {alias: (cluster[found["server"]], found["in_recovery"]) for alias, found in seen.items()}
    assert reached == {
        "default": (1, False),
        "replica": (1, True),
        "shard1": (1, False),
        "shard1_replica": (1, True),
        "shard2": (2, False),
        "shard2_replica": (2, True),
    }


def test_what_one_shard_holds_is_not_in_the_other(sharded: Stack) -> None:
    product = sharded.http("/").body.split('href="/p/', 1)[1].split("/", 1)[0]
    assert sharded.http("/api/orders/", {"product": product, "quantity": 1}).status == 201
    counts = []
    for number in (1, 2):
        host = next(name for name, host in sharded.hosts().items() if host["cluster"] == number)
        sql = "select count(*) from orders_order"
        ask = f"runuser -u postgres -- psql -qtA -d {NAME.replace('-', '_')} -c {sql!r}"
        counts.append(int(sharded.on(host, ask)))
    assert counts == [1, 0]


def test_a_second_up_changes_nothing(sharded: Stack) -> None:
    assert " 0 operations" in sharded.up()


def test_every_acceptance_check_passes(sharded: Stack) -> None:
    sharded.command("verify", str(sharded.folder))
