"""Logical shards that move while customers order, with kills and failovers in the middle of it: nothing is lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import ROOT, Stack, stack, within
from orders import Orders
from warm import warm

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-moves"
DATABASE = NAME.replace("-", "_")
LOGICAL = 8
REPLICA = "runuser -u postgres -- psql -XAtqc 'select 1 from pg_stat_wal_receiver' | grep -q 1 || echo no replication"
TOPOLOGY = """
name: {name}
stack: sharded
target: docker
app_servers: 2
shards: 2
sharding: {{logical: 8, apps: [orders]}}
failover: {{synchronous: quorum}}
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


def leads(made: Stack, cluster: int) -> str:
    """The host that leads the cluster; empty while none does."""
    ask = "runuser -u postgres -- psql -XAtqc 'select pg_is_in_recovery()' 2>&1"
    nodes = [name for name, host in made.hosts().items() if host["cluster"] == cluster]
    return next((name for name in nodes if made.on(name, ask, None).strip() == "f"), "")


def copies(made: Stack, shard: str) -> dict[str, str]:
    """State of the shard's row at each cluster's leader; empty where there is none."""
    ask = f"runuser -u postgres -- psql -XAtqd {DATABASE} -c \"select state from massive.shard where name = '{shard}'\""
    return {f"cluster {cluster}": made.on(leads(made, cluster), ask).strip() for cluster in (1, 2)}


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


def home(made: Stack) -> int:
    """The cluster that has shard 3."""
    return 1 if copies(made, "shard0003")["cluster 1"] == "here" else 2


def all_is_well(made: Stack, customers: Orders, where: int) -> None:
    """One copy of shard 3, every order once, and nothing left of the move."""
    assert {cluster: state for cluster, state in copies(made, "shard0003").items() if state} == {
        f"cluster {where}": "here"
    }
    assert "no move open" in made.command("shard", "status", str(made.folder)).stdout
    now = held(made)
    assert {one: now[one] for one in customers.ids if now[one] != 1} == {}
    for name, host in made.hosts().items():
        if host["cluster"]:
            rest = "select count(*) from pg_replication_slots where slot_type = 'logical'"
            assert made.on(name, f'runuser -u postgres -- psql -XAtqc "{rest}"').strip() == "0"


def ended(made: Stack, target: int, *, abort: bool) -> bool:
    """End the move of shard 3, whatever the killed run has done of it. True if it was given up."""
    folder = str(made.folder)
    if abort and made.command("shard", "abort", folder, "3", "--yes", code=None).returncode == 0:
        return True
    made.command("shard", "move", folder, "3", "--to", str(target))
    # Nothing to complete where the killed run had come to its end.
    made.command("shard", "complete", folder, "3", "--yes", code=None)
    return False


def stepped(made: Stack, target: int, label: str) -> list[str]:
    """A whole move of shard 3 that ends before the step of this label (empty: that is not ended); its steps."""
    file = made.folder / f"steps-{time.time_ns()}"
    words = ["shard", "move", str(made.folder), "3", "--to", str(target), "--complete"]
    line = [sys.executable, str(Path(__file__).with_name("killed_move.py")), str(file), label, *words]
    ran = subprocess.run(line, env=dict(made.environment), capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == (-signal.SIGKILL if label else 0), ran.stdout + ran.stderr
    return file.read_text(encoding="utf-8").splitlines()


def test_a_run_killed_before_any_step_of_a_move_loses_nothing(sharded: Stack) -> None:
    source = home(sharded)
    steps = {source: stepped(sharded, 3 - source, ""), 3 - source: stepped(sharded, source, "")}
    names = {label.partition("#")[0].partition("@")[0] for label in steps[source]}
    assert {"publish", "tables", "subscribe", "copy", "pause", "fence", "open", "hurry", "record", "way back"} <= names
    for number in range(len(steps[source])):
        source = home(sharded)
        label = steps[source][number]
        with Orders(sharded) as customers:
            assert stepped(sharded, 3 - source, label)[-1] == label
            aborted = ended(sharded, 3 - source, abort=number % 2 == 1)
        all_is_well(sharded, customers, source if aborted else 3 - source)


@pytest.mark.parametrize("seed", range(6))
def test_a_run_killed_at_any_moment_of_a_move_loses_nothing(sharded: Stack, seed: int) -> None:
    """Then the move is taken up again, or aborted where that is still possible."""
    chance, source = random.Random(seed), home(sharded)
    words = ["shard", "move", str(sharded.folder), "3", "--to", str(3 - source), "--complete"]
    with Orders(sharded) as customers:
        with subprocess.Popen(
            [sys.executable, "-m", "massive_deploy", *words],
            env=dict(sharded.environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as run:
            time.sleep(chance.uniform(1.0, 8.0))
            run.kill()
        aborted = ended(sharded, 3 - source, abort=seed % 2 == 1)
    all_is_well(sharded, customers, source if aborted else 3 - source)


def switched_over(made: Stack, cluster: int) -> None:
    made.command("switchover", str(made.folder), "--cluster", str(cluster), "--yes")


@contextmanager
def leader_lost(made: Stack, cluster: int) -> Iterator[None]:
    """Everything of PostgreSQL and Patroni on the leader's host is killed; another one leads in the block."""
    old = leads(made, cluster)
    made.on(old, "systemctl kill --kill-whom=all --signal=KILL patroni; systemctl stop patroni")
    try:
        within(60, lambda: leads(made, cluster) not in ("", old), "another one leads")
        yield
    finally:
        made.on(old, "systemctl start patroni")
        within(120, lambda: "no replication" not in made.on(old, REPLICA, None), "the old leader follows")


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_leader_lost_in_the_middle_of_a_move_loses_nothing(sharded: Stack, side: str) -> None:
    """At the target the move goes on; at the source it begins anew, for replication has lost its place."""
    folder, source = str(sharded.folder), home(sharded)
    words = ["shard", "move", folder, "3", "--to", str(3 - source)]
    with Orders(sharded) as customers:
        sharded.command(*words, "--no-switch")
        with leader_lost(sharded, source if side == "source" else 3 - source):
            if sharded.command(*words, "--complete", code=None).returncode:
                assert side == "source"
                sharded.command("shard", "abort", folder, "3", "--yes")
                sharded.command(*words, "--complete")
        time.sleep(1)
    all_is_well(sharded, customers, 3 - source)


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
