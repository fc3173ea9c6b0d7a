"""Three nodes under load: what a change of leader, a slow replica and a new parameter do to those who read and write.

The measuring is the drills': a writer and a reader through the pooler, writers on every node, visitors at the edge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from harness import ROOT, Stack, held_back, stack, visitors, within
from warm import warm

pytestmark = pytest.mark.stack
NAME = "md-tier"
TOPOLOGY = f"""
name: {NAME}
stack: massive
target: docker
app_servers: 1
replicas: 2
cache: {{memcached: 0}}
failover: {{speed: fast}}
drills: allowed
app:
  source: {ROOT / "examples/shop"}
  settings: shop.settings
  health: /-/health
"""
LIMIT = 10
"""Seconds: `reads.max_age` unless the topology says otherwise."""


@pytest.fixture(scope="module")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("tier"), NAME) as made:
        made.write(warm(TOPOLOGY))
        made.up()
        yield made


@pytest.fixture(autouse=True)
def whole(tier: Stack) -> None:
    """A test begins with a leader and two replicas that take reads."""
    settle(tier)


def settle(tier: Stack) -> None:
    def fit() -> bool:
        told = [reads(tier, name) for name in databases(tier)]
        return sorted(one.get("role", "") for one in told if one.get("fit") or one.get("role") == "leader") == [
            "leader",
            "replica",
            "replica",
        ]

    within(90, fit, "a leader and two replicas that take reads")


def databases(tier: Stack) -> list[str]:
    return [name for name, host in tier.hosts().items() if host["cluster"]]


def reads(tier: Stack, name: str) -> dict[str, Any]:
    """What the lag service of a node says; empty when it does not answer."""
    address = tier.hosts()[name]["address"]
    said = tier.inside(name, f"curl -sS --max-time 3 http://{address}:8009/reads")
    return json.loads(said) if said.startswith("{") else {}


def leader(tier: Stack) -> str:
    return str(
        within(60, lambda: next((n for n in databases(tier) if reads(tier, n).get("role") == "leader"), ""), "leader")
    )


def drill(tier: Stack, fault: str, *words: str) -> dict[str, Any]:
    """The result of a drill that ended safely and with a stack that is well again."""
    told: dict[str, Any] = json.loads(tier.command("drill", str(tier.folder), fault, "--json", *words).stdout)
    assert told["acknowledged"] > 100
    assert (told["lost"], told["two_leaders"], told["problem"]) == (0, [], "")
    return told


def sql(tier: Stack, name: str, query: str) -> str:
    return tier.inside(name, f"cd / && runuser -u postgres -- psql -XAtq -d postgres -c {query!r}").strip()


def test_each_alias_of_django_reaches_its_kind_of_node(tier: Stack) -> None:
    seen = {alias: found["in_recovery"] for alias, found in tier.http("/api/shards/").json.items()}
    assert seen == {"default": False, "replica": True}


def test_a_planned_switchover_fails_no_query_and_no_request(tier: Stack) -> None:
    before = leader(tier)
    told = drill(tier, "switchover")
    assert leader(tier) != before
    failed = (told["failed_writes"], told["failed_reads"], told["failed_requests"])
    assert (failed, told["requests"] > 100, told["reads"] > 50) == ((0, 0, 0), True, True)


def test_a_crashed_leader_loses_nothing_and_reads_go_on(tier: Stack) -> None:
    before = leader(tier)
    told = drill(tier, "leader-crash")
    assert told["leader_after"] != before
    assert told["recovery"] is not None
    # Whoever asked for streaming replicas alone would read nothing until there is a leader again.
    assert told["read_gap"] < told["write_gap"] + 5


@pytest.mark.parametrize("fault", ["replica-slow", pytest.param("replica-cut", marks=pytest.mark.proof)])
def test_no_read_is_older_than_the_limit(tier: Stack, fault: str) -> None:
    told = drill(tier, fault, "--hold", "25")
    assert told["replica_reads"] > 50
    assert told["oldest_read"] <= LIMIT
    assert told["failed_writes"] == 0


def test_a_replica_too_far_behind_is_not_promoted_and_the_number_is_told(tier: Stack) -> None:
    at, late = leader(tier), next(name for name in databases(tier) if reads(tier, name).get("role") == "replica")
    with held_back(tier, late):
        sql(
            tier,
            at,
            "CREATE TABLE IF NOT EXISTS bulk AS SELECT repeat(md5(n::text), 40) FROM generate_series(1, 9000) n",
        )
        refused = tier.command("switchover", str(tier.folder), "--to", late, "--yes", code=3).stderr
        assert re.search(rf"{late} is \d+(\.\d+)? MiB behind, more than failover.max_lag 1(\.0)? MiB", refused), refused
        assert leader(tier) == at
    sql(tier, at, "DROP TABLE bulk")


def test_a_parameter_that_needs_a_restart_costs_no_request(tier: Stack) -> None:
    tier.edit("drills: allowed", "drills: allowed\nroles: {postgresql: {max_connections: 220}}")
    shown = tier.command("plan", str(tier.folder), code=2).stdout
    assert "restart PostgreSQL (max_connections" in shown
    address = tier.hosts()["edge-1"]["address"]
    with visitors([(f"http://{address}/api/shards/", None), (f"http://{address}/-/health", None)]) as failures:
        tier.up()
    assert failures == []
    assert {sql(tier, name, "SHOW max_connections") for name in databases(tier)} == {"220"}
    assert " 0 operations" in tier.up()


def test_every_acceptance_check_passes(tier: Stack) -> None:
    tier.command("verify", str(tier.folder))


def member(tier: Stack, name: str) -> dict[str, Any]:
    """A node as `status` tells it."""
    said = json.loads(tier.command("status", str(tier.folder), "--json", code=None).stdout)
    return next(one for one in said["clusters"][0]["members"] if one["name"] == name)


@pytest.mark.proof
def test_a_stuck_replica_is_told_and_cured(tier: Stack) -> None:
    at = leader(tier)
    stuck = next(name for name in databases(tier) if name != at)
    tier.on(stuck, "systemctl stop patroni")
    for _ in range(3):
        sql(tier, at, "CHECKPOINT")
        sql(tier, at, "SELECT pg_switch_wal()")
    sql(tier, at, "CHECKPOINT")
    # The slot would have kept it for as long as that replica is away.
    needed = sql(tier, at, "SELECT pg_walfile_name(redo_lsn) FROM pg_control_checkpoint()")
    lost = f"cd /var/lib/postgresql/17/patroni/pg_wal && ls | awk '/^[0-9A-F]+$/ && $0 < \"{needed}\"'"
    assert tier.on(at, f"{lost} | tee /tmp/lost | xargs -r rm; cat /tmp/lost")
    tier.on(stuck, "systemctl start patroni")
    within(150, lambda: member(tier, stuck)["stuck"], "status says that it is stuck")
    assert f"reinit {tier.folder} {stuck}" in tier.command("status", str(tier.folder), code=1).stdout.replace("\n", "")
    tier.command("reinit", str(tier.folder), stuck, "--confirm", stuck)
    settle(tier)


def order(tier: Stack) -> bool:
    """Whether the shop shows its products and takes an order."""
    product = re.search(r'href="/p/([^/"]+)', tier.http("/").body)
    return bool(product and tier.http("/api/orders/", {"product": product[1], "quantity": 1}).status == 201)


@pytest.mark.proof
def test_ten_failovers_in_a_row_with_no_hand_on_it(tier: Stack) -> None:
    for _ in range(10):
        at = leader(tier)
        tier.on(at, "kill -9 $(head -n 1 /var/lib/postgresql/17/patroni/postmaster.pid)")
        within(60, lambda at=at: leader(tier) != at, f"another leader than {at}")
        within(60, lambda: order(tier), "an order")
        settle(tier)
