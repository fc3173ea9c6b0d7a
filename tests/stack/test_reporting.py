"""A database over all shards, by foreign tables and by replication: its sums are the shards', whatever moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import ROOT, Stack, stack, within
from orders import Orders
from warm import warm

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-reporting"
DATABASE = NAME.replace("-", "_")
LOGICAL = 4
HOSTS = """
summary: Two clusters of two nodes, all the rest on one host.
hosts:
  web: {parts: [edge, app, memcached, redis, monitor], count: 1}
  db: {parts: [database], count: databases}
quorum: [web]
"""
TOPOLOGY = """
name: {name}
stack: reporting
target: docker
app_servers: 1
replicas: 1
shards: 2
sharding:
  logical: 4
  apps: [orders]
  reporting:
    model: pull
    aggregates:
      sold: SELECT product_id, count(*) AS lines, sum(quantity) AS units FROM orders_orderline GROUP BY product_id
app:
  source: {source}
  settings: shop.settings
  worker: shop
  health: /-/health
"""
SUMS = "select count(*), coalesce(sum(quantity), 0) from orders_orderline"
REPORTED = """
select sum(lines)::bigint, sum(units)::bigint, (select count(*) from reporting.orders_orderline) from reporting.sold
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("reporting")
    (folder / "stacks").mkdir()
    (folder / "stacks/reporting.yaml").write_text(HOSTS, encoding="utf-8")
    with stack(folder, NAME) as found:
        found.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        found.up()
        yield found


def asked(made: Stack, user: str, database: str, sql: str) -> str:
    psql = f"runuser -u app -- psql -h /run/postgresql -p 6432 -U {user} -d {database} -XAtqc"
    return made.on("web-1", f'{psql} "{" ".join(sql.split())}" 2>&1', None).strip()


def report(made: Stack, sql: str) -> str:
    """What the project reads through its alias `reporting`."""
    return asked(made, DATABASE, f"{DATABASE}_reporting", sql)


def in_shards(made: Stack) -> str:
    """The same from every shard's leader, added up."""
    rows = [
        asked(made, f"{DATABASE}_shards", f"{DATABASE}_shard{number:04d}", SUMS).split("|") for number in range(LOGICAL)
    ]
    lines, units = (sum(int(row[n]) for row in rows) for n in (0, 1))
    return f"{lines}|{units}|{lines}"


def equal(made: Stack, seconds: float = 30) -> None:
    within(seconds, lambda: report(made, REPORTED) == in_shards(made), "the report's sums are the shards'")
    assert int(in_shards(made).split("|")[0]) > 0


def ordered(made: Stack, *words: str) -> None:
    """A command while customers order."""
    with Orders(made, host="web-1") as customers:
        made.command("shard", *words)
    assert customers.failures == []
    assert customers.ids != []


def moves(made: Stack) -> None:
    """A shard is on its way, stays, goes, comes back, and goes for good: the sums are right in between."""
    folder = str(made.folder)
    ordered(made, "move", folder, "1", "--to", "2", "--no-switch")
    equal(made)
    ordered(made, "abort", folder, "1", "--yes")
    equal(made)
    ordered(made, "move", folder, "1", "--to", "2")
    equal(made)
    ordered(made, "reverse", folder, "1")
    equal(made)
    ordered(made, "complete", folder, "1", "--yes")
    ordered(made, "move", folder, "1", "--to", "2")
    ordered(made, "complete", folder, "1", "--yes")
    equal(made)


def test_shards_are_asked_and_work_their_sums_out_themselves(made: Stack) -> None:
    with Orders(made, host="web-1"):
        pass
    with Orders(made, host="web-1") as customers:
        within(30, lambda: len(customers.ids) > 40, "some orders")
    equal(made, 60)
    plan = report(
        made, "explain (verbose, costs off) select product_id, sum(lines), sum(units) from reporting.sold group by 1"
    )
    assert plan.count("Async Foreign Scan") == LOGICAL
    assert plan.count("Relations: Aggregate on") == LOGICAL
    assert report(made, "select pg_is_in_recovery()") == "t"
    assert "read-only" in report(made, "create table reporting.more (n int)")
    said = made.on("web-1", "/usr/local/bin/manage shell -v 0 -c 'from django.db import connections as c\n"
                   "with c[\"reporting\"].cursor() as r:\n r.execute(\"select count(*) > 0 from reporting.sold\"); print(r.fetchone())'")  # fmt: skip  # noqa: E501
    assert "(True,)" in said


def test_reports_are_right_while_shards_move(made: Stack) -> None:
    moves(made)


def test_all_rows_are_copied_instead(made: Stack) -> None:
    made.command("shard", "move", str(made.folder), "1", "--to", "1")
    made.command("shard", "complete", str(made.folder), "1", "--yes")
    made.edit("model: pull", "model: push")
    made.up()
    explain = "explain select sum(units) from reporting.sold"
    within(120, lambda: "Foreign" not in report(made, explain), "all shards are copied")
    equal(made)
    with Orders(made, host="web-1") as customers:
        within(30, lambda: len(customers.ids) > 40, "some orders")
    equal(made)


def test_copies_are_right_while_shards_move(made: Stack) -> None:
    moves(made)


def test_shards_are_asked_again(made: Stack) -> None:
    made.edit("model: push", "model: pull")
    made.up()
    explain = "explain select product_id, sum(lines), sum(units) from reporting.sold group by 1"
    within(60, lambda: report(made, explain).count("Async Foreign Scan") == LOGICAL, "all shards are asked")
    equal(made)
    slots = (
        "runuser -u postgres -- psql -XAtqc \"select count(*) from pg_replication_slots where slot_type = 'logical'\""
    )
    for name, host in made.hosts().items():
        if host["cluster"]:
            within(30, lambda name=name: made.on(name, slots) == "0\n", f"no slot is left on {name}")


def test_everything_is_as_the_topology_says(made: Stack) -> None:
    made.up()
    assert " 0 operations" in made.up()
    made.command("verify", str(made.folder))
