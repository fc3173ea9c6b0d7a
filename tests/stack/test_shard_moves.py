"""Logical shards that move while customers order, with kills and failovers in the middle of it: nothing is lost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from harness import ROOT, Stack, stack
from orders import Orders
from warm import warm

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-moves"
DATABASE = NAME.replace("-", "_")
LOGICAL = 8
TOPOLOGY = """
name: {name}
stack: sharded
target: docker
app_servers: 2
shards: 2
sharding: {{logical: 8, apps: [orders]}}
app:
  source: {source}
  settings: shop.settings
  worker: shop
  health: /-/health
"""


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("moves"), NAME) as made:
        made.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        made.up()
        yield made


def through(made: Stack, shard: str, sql: str, code: int | None = 0) -> str:
    """What a shard answers at the pooler of the app host."""
    psql = f"runuser -u app -- psql -h /run/postgresql -p 6432 -U {DATABASE}_shards -d {DATABASE}_{shard} -XAtqc"
    return made.on("app-1", f'{psql} "{sql}" 2>&1', code).strip()


def held(made: Stack) -> Counter[str]:
    """How often each order is in all shards together, wherever their owners are."""
    found: Counter[str] = Counter()
    for number in range(LOGICAL):
        found.update(through(made, f"shard{number:04d}", "select id from orders_order").split())
    return found


def copies(made: Stack, shard: str) -> dict[str, str]:
    """State by host that leads and has a row for the shard."""
    found = {}
    ask = f"runuser -u postgres -- psql -XAtqd {DATABASE} -c \"select state from massive.shard where name = '{shard}'\""
    for name, host in made.hosts().items():
        if (
            host["cluster"]
            and made.on(name, "runuser -u postgres -- psql -XAtqc 'select pg_is_in_recovery()'") == "f\n"
        ):
            found[f"cluster {host['cluster']}"] = made.on(name, ask).strip()
    return found


def test_shards_move_under_load_and_nobody_notices(sharded: Stack) -> None:
    with Orders(sharded) as customers:
        time.sleep(1)
        said = sharded.command("shard", "move", str(sharded.folder), "0-1", "--to", "2").stdout
        time.sleep(1)
    assert customers.failures == []
    assert len(customers.ids) > 50
    assert said.count("clients waited") == 2, said
    assert copies(sharded, "shard0000") == {"cluster 1": "gone", "cluster 2": "here"}
    now = held(sharded)
    assert {one: now[one] for one in customers.ids if now[one] != 1} == {}


def test_a_move_is_reversed_with_all_that_was_written_since(sharded: Stack) -> None:
    with Orders(sharded) as customers:
        sharded.command("shard", "reverse", str(sharded.folder), "1")
        time.sleep(1)
    assert customers.failures == []
    assert copies(sharded, "shard0001") == {"cluster 1": "here", "cluster 2": "gone"}
    now = held(sharded)
    assert {one: now[one] for one in customers.ids if now[one] != 1} == {}


def test_completed_moves_leave_one_copy(sharded: Stack) -> None:
    sharded.command("shard", "complete", str(sharded.folder), "0-1", "--yes")
    assert copies(sharded, "shard0000") == {"cluster 1": "", "cluster 2": "here"}
    assert copies(sharded, "shard0001") == {"cluster 1": "here", "cluster 2": ""}


@pytest.mark.parametrize("seed", range(12))
def test_a_run_killed_at_any_moment_of_a_move_loses_nothing(sharded: Stack, seed: int) -> None:
    """Then the move is taken up again, or aborted where that is still possible."""
    chance = random.Random(seed)
    source = 1 if copies(sharded, "shard0003")["cluster 1"] == "here" else 2
    folder, words = str(sharded.folder), ["3", "--to", str(3 - source)]
    line = [sys.executable, "-m", "massive_deploy", "shard", "move", folder, *words, "--complete"]
    with Orders(sharded) as customers:
        with subprocess.Popen(
            line, env=dict(sharded.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as run:
            time.sleep(chance.uniform(1.0, 8.0))
            run.kill()
        settled = seed % 2 and sharded.command("shard", "abort", folder, "3", "--yes", code=None).returncode == 0
        if not settled:
            sharded.command("shard", "move", folder, *words)
            # Nothing to complete where the killed run had come to its end.
            sharded.command("shard", "complete", folder, "3", "--yes", code=None)
    home = f"cluster {source if settled else 3 - source}"
    assert {cluster: state for cluster, state in copies(sharded, "shard0003").items() if state} == {home: "here"}
    assert "no move open" in sharded.command("shard", "status", folder).stdout
    now = held(sharded)
    assert {one: now[one] for one in customers.ids if now[one] != 1} == {}
    for name, host in sharded.hosts().items():
        if host["cluster"]:
            rest = "select count(*) from pg_replication_slots where slot_type = 'logical'"
            assert sharded.on(name, f'runuser -u postgres -- psql -XAtqc "{rest}"').strip() == "0"


def switched_over(made: Stack, cluster: int) -> None:
    made.command("switchover", str(made.folder), "--cluster", str(cluster), "--yes")


def test_a_new_leader_of_the_target_goes_on_with_the_copy(sharded: Stack) -> None:
    folder = str(sharded.folder)
    with Orders(sharded) as customers:
        sharded.command("shard", "move", folder, "4", "--to", "1", "--no-switch")
        switched_over(sharded, 1)
        sharded.command("shard", "move", folder, "4", "--to", "1", "--complete")
    assert customers.failures == []
    assert copies(sharded, "shard0004") == {"cluster 1": "here", "cluster 2": ""}
    now = held(sharded)
    assert {one: now[one] for one in customers.ids if now[one] != 1} == {}


def test_a_new_leader_of_the_source_ends_a_move_that_begins_anew(sharded: Stack) -> None:
    folder = str(sharded.folder)
    with Orders(sharded) as customers:
        sharded.command("shard", "move", folder, "5", "--to", "1", "--no-switch")
        switched_over(sharded, 2)
        said = sharded.command("shard", "move", folder, "5", "--to", "1", code=5)
        assert "replication has lost its place" in said.stdout + said.stderr
        sharded.command("shard", "abort", folder, "5", "--yes")
        sharded.command("shard", "move", folder, "5", "--to", "1", "--complete")
    assert customers.failures == []
    assert copies(sharded, "shard0005") == {"cluster 1": "here", "cluster 2": ""}
    now = held(sharded)
    assert {one: now[one] for one in customers.ids if now[one] != 1} == {}
