"""pgPool-II as the pooler: each alias reaches its node, lag takes a replica out, and ten leaders in a row may die."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from typing import Any

import pytest
from harness import ROOT, Stack, held_back, stack, within
from warm import warm

pytestmark = pytest.mark.stack
NAME = "md-pgpool"
TOPOLOGY = """
name: {name}
stack: massive
target: docker
app_servers: 1
replicas: 2
pooler: pgpool
failover: {{speed: fast}}
reads: {{max_lag: 1MiB}}
app:
  source: {source}
  settings: shop.settings
  health: /-/health
"""
DATABASE = NAME.replace("-", "_")


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("pgpool"), NAME) as made:
        made.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        made.up()
        within(60, lambda: len(attached(made)) == 3, "all nodes attached")
        yield made


def nodes(pooled: Stack) -> list[str]:
    return [name for name in pooled.hosts() if name.startswith("db-")]


def sql(pooled: Stack, node: str, query: str, code: int | None = 0) -> str:
    return pooled.on(
        node, f"runuser -u postgres -- psql -XAtq -d {DATABASE} -c {shlex.quote(query)}", code=code
    ).strip()


def leader(pooled: Stack) -> str:
    """The node that takes writes; empty when none or several do."""
    found = [node for node in nodes(pooled) if sql(pooled, node, "select pg_is_in_recovery()", code=None) == "f"]
    return found[0] if len(found) == 1 else ""


def attached(pooled: Stack) -> list[str]:
    """Addresses of the nodes pgPool uses."""
    line = (
        "PCPPASSFILE=/etc/pgpool2/1/pcppass runuser -u postgres -- "
        "pcp_node_info -h /run/pgpool-1 -p 9898 -U keeper -w -a"
    )
    rows = [row.split() for row in pooled.inside("app-1", line).splitlines()]
    return [row[0] for row in rows if len(row) > 2 and row[2] in {"1", "2"}]


def reading(pooled: Stack, times: int = 12) -> set[str]:
    """Addresses of the nodes that new sessions of `replica` read from."""
    line = (
        f"PGPASSFILE=/etc/pgpool2/1/pgpass PGAPPNAME=replica psql -w -h /run/postgresql -p 6432 "
        f"-U {DATABASE} -d {DATABASE} -XAtq -c 'select host(inet_server_addr())'"
    )
    return set(pooled.on("app-1", f"for n in $(seq {times}); do {line}; done").split())


def product(pooled: Stack) -> str:
    return pooled.http("/").body.split('href="/p/', 1)[1].split("/", 1)[0]


def in_django(pooled: Stack, code: str) -> Any:
    """What a line of Python prints as JSON in the project's shell."""
    return json.loads(pooled.on("app-1", f"manage shell -v 0 -c {shlex.quote(code)} 2>/dev/null").splitlines()[-1])


def test_each_alias_reaches_its_node(pooled: Stack) -> None:
    # A session that began before the replicas were attached lives for 30 s.
    within(60, lambda: pooled.http("/api/shards/").json["replica"].get("in_recovery"), "the site's reads at a replica")
    seen = pooled.http("/api/shards/").json
    addresses = {name: pooled.hosts()[name]["address"] for name in nodes(pooled)}
    assert seen["default"] == {"database": DATABASE, "server": addresses[leader(pooled)], "in_recovery": False}
    assert seen["replica"]["in_recovery"] is True
    assert reading(pooled, 20) == set(addresses.values()) - {addresses[leader(pooled)]}


def test_a_transaction_reads_its_own_write(pooled: Stack) -> None:
    code = (
        "import json; from django.db import transaction; from orders.models import Order as O\n"
        "with transaction.atomic():\n"
        "    before = O.objects.count(); O.objects.create()\n"
        "    inside = O.objects.count(); transaction.set_rollback(True)\n"
        "print(json.dumps(inside - before))"
    )
    assert in_django(pooled, code) == 1


def test_an_order_written_is_read_back_from_the_replica(pooled: Stack) -> None:
    order = pooled.http("/api/orders/", {"product": product(pooled), "quantity": 2}).json["id"]

    def read() -> bool:
        answer = pooled.http(f"/api/orders/{order}/?from=replica")
        return answer.status == 200 and answer.json["in_recovery"] is True

    within(60, read, "the order on a replica")


def test_a_second_up_changes_nothing(pooled: Stack) -> None:
    assert " 0 operations" in pooled.up()


def test_every_acceptance_check_passes(pooled: Stack) -> None:
    pooled.command("verify", str(pooled.folder))


def test_a_replica_above_the_limit_gets_no_reads(pooled: Stack) -> None:
    first = leader(pooled)
    late, fresh = (node for node in nodes(pooled) if node != first)
    addresses = {node: pooled.hosts()[node]["address"] for node in (late, fresh)}
    with held_back(pooled, late):
        sql(pooled, first, "create table filler as select repeat(md5(n::text), 8) from generate_series(1, 20000) n")
        within(30, lambda: reading(pooled) == {addresses[fresh]}, "reads away from the late replica")
    within(60, lambda: reading(pooled) == set(addresses.values()), "reads back at both replicas")
    sql(pooled, first, "drop table filler")


def main_pid(pooled: Stack) -> str:
    return pooled.on("app-1", "systemctl show -p MainPID --value pgpool@1").strip()


def ordered(pooled: Stack, slug: str) -> bool:
    return pooled.http("/api/orders/", {"product": slug, "quantity": 1}).status == 201


@pytest.mark.proof
def test_a_pooler_that_hangs_is_started_anew(pooled: Stack) -> None:
    slug, frozen = product(pooled), main_pid(pooled)
    pooled.on("app-1", "systemctl kill -s STOP pgpool@1")
    within(120, lambda: main_pid(pooled) not in {frozen, "0"}, "another pgPool")
    within(60, lambda: ordered(pooled, slug), "an order after it")


def has_read(pooled: Stack) -> bool:
    answer = pooled.http("/api/shards/")
    return answer.status == 200 and "server" in answer.json["replica"]


@pytest.mark.proof
def test_ten_leaders_in_a_row_may_die(pooled: Stack) -> None:
    slug = product(pooled)
    for number in range(10):
        first = within(90, lambda: leader(pooled), "a leader")
        pooled.on(first, "kill -9 $(head -n 1 /var/lib/postgresql/17/patroni/postmaster.pid)")
        begun = time.monotonic()
        within(60, lambda: ordered(pooled, slug), f"an order after death {number + 1}")
        left = 60 - (time.monotonic() - begun)
        within(
            left, lambda: "server" in pooled.http("/api/shards/").json["replica"], f"a read after death {number + 1}"
        )
        within(120, lambda: len(attached(pooled)) == len(nodes(pooled)), "all nodes attached again")
