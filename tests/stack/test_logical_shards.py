"""Eight logical shards on two clusters: each row is in its shard, and nothing looks into another one."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator

import pytest
from harness import ROOT, Stack, stack, within
from warm import warm

from django_massive import ids

pytestmark = pytest.mark.stack
NAME = "md-logical"
DATABASE = NAME.replace("-", "_")
LOGICAL = 8
TOPOLOGY = """
name: {name}
stack: sharded
target: docker
app_servers: 1
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
    with stack(tmp_path_factory.mktemp("logical"), NAME) as made:
        made.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        made.up()
        yield made


def through(made: Stack, shard: str, sql: str, code: int | None = 0) -> str:
    """What a shard answers at the pooler of the app host."""
    psql = f"runuser -u app -- psql -h /run/postgresql -p 6432 -U {DATABASE}_shards -d {DATABASE}_{shard} -XAtqc"
    return made.on("app-1", f'{psql} "{sql}" 2>&1', code).strip()


@pytest.fixture(scope="module")
def ordered(sharded: Stack) -> tuple[str, ...]:
    """Ids of orders that were acknowledged at the edge."""
    product = sharded.http("/").body.split('href="/p/', 1)[1].split("/", 1)[0]
    answers = [sharded.http("/api/orders/", {"product": product, "quantity": 1}) for _ in range(40)]
    assert {answer.status for answer in answers} == {201}
    return tuple(answer.json["id"] for answer in answers)


def test_shards_are_spread_over_the_clusters_and_that_is_recorded(sharded: Stack) -> None:
    assert '"0-3": 1\n  "4-7": 2\n' in (sharded.folder / "shards.yaml").read_text(encoding="utf-8")
    clusters = {name: host["cluster"] for name, host in sharded.hosts().items() if host["cluster"]}
    for name, cluster in clusters.items():
        ask = (
            f"runuser -u postgres -- psql -XAtqd {DATABASE} -c \"select name from massive.shard where state = 'here'\""
        )
        first = LOGICAL // 2 * (cluster - 1)
        assert sorted(sharded.on(name, ask).split()) == [f"shard{first + n:04d}" for n in range(LOGICAL // 2)]


def test_an_order_is_in_its_own_shard_and_in_no_other(sharded: Stack, ordered: tuple[str, ...]) -> None:
    where: Counter[str] = Counter()
    for number in range(LOGICAL):
        shard = f"shard{number:04d}"
        held = set(through(sharded, shard, "select id from orders_order").split())
        where[shard] = len(held & set(ordered))
    assert sum(where.values()) == len(ordered), where
    # With 40 orders a shard without any has a chance of 4 %, two of them of nearly none.
    assert sum(count > 0 for count in where.values()) >= LOGICAL - 2, where


def test_every_order_is_read_back_from_leader_and_replica(sharded: Stack, ordered: tuple[str, ...]) -> None:
    for one in ordered:
        answer = sharded.http(f"/api/orders/{one}/")
        assert (answer.status, answer.json["in_recovery"]) == (200, False)
        assert answer.json["database"].startswith("shard00")
    late = sharded.http(f"/api/orders/{ordered[0]}/?from=replica")
    assert (late.status, late.json["in_recovery"]) == (200, True)


def test_a_shards_role_sees_no_other_shard(sharded: Stack) -> None:
    assert through(sharded, "shard0001", "select current_user, current_schema()") == f"{DATABASE}_shard0001|shard0001"
    for table in ("shard0002.orders_order", "public.catalogue_product"):
        assert "denied" in through(sharded, "shard0001", f"select 1 from {table}", None)
    # Whoever undoes what the pooler set is left without any table.
    assert "does not exist" in through(sharded, "shard0001", "reset role; reset search_path; table orders_order", None)


def test_all_shards_together_stay_within_their_connections(sharded: Stack) -> None:
    for number in range(LOGICAL):
        through(sharded, f"shard{number:04d}", "select 1")
    console = "runuser -u postgres -- psql -h /run/postgresql -p 6432 -U pgbouncer pgbouncer -XAtqc"
    share = int(sharded.on("app-1", "sed -n 's/.*max_user_connections=//p' /etc/pgbouncer/pgbouncer.ini"))
    open_now = sharded.on("app-1", f"{console} 'SHOW SERVERS' | cut -d'|' -f2 | grep -c _shards$ || true")
    assert 0 < int(open_now) <= share


def test_a_map_that_is_older_than_the_clusters_touches_nothing(sharded: Stack) -> None:
    leader = json.loads(sharded.command("status", str(sharded.folder), "--json").stdout)["clusters"][0]
    name = next(member["name"] for member in leader["members"] if member["role"] == "leader")
    psql = f"runuser -u postgres -- psql -XAtqd {DATABASE} -c"
    moved = "update massive.shard set state = '%s' where name = 'shard0003'"
    sharded.on(name, f'{psql} "{moved % "gone"}"')
    said = sharded.command("up", str(sharded.folder), code=3)
    assert "shards.yaml has shard0003 here, the cluster has it as 'gone'" in said.stdout + said.stderr
    sharded.on(name, f'{psql} "{moved % "here"}"')


def test_a_second_up_changes_nothing(sharded: Stack) -> None:
    assert " 0 operations" in sharded.up()


def test_every_acceptance_check_passes(sharded: Stack) -> None:
    sharded.command("verify", str(sharded.folder))


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


def test_shards_move_with_all_their_rows(sharded: Stack, ordered: tuple[str, ...]) -> None:
    said = sharded.command("shard", "move", str(sharded.folder), "0-1", "--to", "2").stdout
    assert len(re.findall(r"moved from cluster 1 to 2, clients waited \d+ ms, \d+ rows compared", said)) == 2, said
    assert '"0-1": 2' in (sharded.folder / "shards.yaml").read_text(encoding="utf-8")
    assert copies(sharded, "shard0000") == {"cluster 1": "gone", "cluster 2": "here"}
    now = held(sharded)
    assert {one: now[one] for one in ordered if now[one] != 1} == {}


def test_the_old_copy_follows_and_is_refused(sharded: Stack) -> None:
    shown = json.loads(sharded.command("shard", "status", str(sharded.folder), "--json", code=2).stdout)
    assert [(one["shard"], one["source"], one["target"]) for one in shown["moves"]] == [
        ("shard0000", 1, 2),
        ("shard0001", 1, 2),
    ]
    leader = next(name for name, host in sharded.hosts().items() if host["cluster"] == 1)
    psql = f"runuser -u postgres -- psql -XAtqd {DATABASE} -c"
    as_role = f'{psql} "set role {DATABASE}_shard0000; select count(*) from shard0000.orders_order" 2>&1'
    assert "permission denied for schema shard0000" in sharded.on(leader, as_role, None)
    ask = f'{psql} "select count(*) from shard0000.orders_order"'
    there = through(sharded, "shard0000", "select count(*) from orders_order")
    within(10, lambda: sharded.on(leader, ask).strip() == there, "the old copy has every row")


def test_a_move_is_reversed(sharded: Stack, ordered: tuple[str, ...]) -> None:
    sharded.command("shard", "reverse", str(sharded.folder), "1")
    assert copies(sharded, "shard0001") == {"cluster 1": "here", "cluster 2": "gone"}
    now = held(sharded)
    assert {one: now[one] for one in ordered if now[one] != 1} == {}


def test_completed_moves_leave_one_copy(sharded: Stack) -> None:
    refused = sharded.command("shard", "complete", str(sharded.folder), "0", code=3)
    assert "the copy of shard0000 in cluster 1 would be deleted" in refused.stdout + refused.stderr
    sharded.command("shard", "complete", str(sharded.folder), "0-1", "--yes")
    assert copies(sharded, "shard0000") == {"cluster 1": "", "cluster 2": "here"}
    assert copies(sharded, "shard0001") == {"cluster 1": "here", "cluster 2": ""}
    assert "no move open" in sharded.command("shard", "status", str(sharded.folder)).stdout


def test_what_would_not_survive_a_move_is_refused_before_it(sharded: Stack) -> None:
    through(sharded, "shard0002", "create table without_a_key (n int)")
    refused = sharded.command("shard", "move", str(sharded.folder), "2", "--to", "2", code=3)
    assert "without_a_key: no primary key" in refused.stdout + refused.stderr
    through(sharded, "shard0002", "drop table without_a_key")


def test_tables_are_not_changed_during_a_move_and_an_abort_leaves_nothing(sharded: Stack) -> None:
    sharded.command("shard", "move", str(sharded.folder), "2", "--to", "2", "--no-switch")
    assert "is being moved" in through(sharded, "shard0002", "create table later (n int primary key)", None)
    sharded.command("shard", "abort", str(sharded.folder), "2", "--yes")
    assert copies(sharded, "shard0002") == {"cluster 1": "here", "cluster 2": ""}
    through(sharded, "shard0002", "create table later (n int primary key); drop table later")
    for name, host in sharded.hosts().items():
        if host["cluster"]:
            rest = "select count(*) from pg_replication_slots where slot_type = 'logical'"
            assert sharded.on(name, f'runuser -u postgres -- psql -XAtqc "{rest}"').strip() == "0"


def test_ids_of_many_writers_are_unique_and_tell_their_shard(sharded: Stack) -> None:
    """On a shard of each cluster, four writers at a time, 1000 rows a statement: 200,000 ids."""
    writers, statements, rows = 4, 25, 1000
    shards = {"shard0003": 3, "shard0006": 6}
    psql = f"psql -h /run/postgresql -p 6432 -U {DATABASE}_shards -XAtq -v ON_ERROR_STOP=1"
    for name, number in shards.items():
        made = (
            ids.statements(name, number, 2026) + "create table trial (id bigint primary key default massive_next_id())"
        )
        sharded.on("app-1", f"runuser -u app -- {psql} -d {DATABASE}_{name} -c {shlex.quote(made)}")
    writing = f"insert into trial select from generate_series(1, {rows});"
    script = "\n".join(
        f"yes {shlex.quote(writing)} | head -n {statements} | {psql} -d {DATABASE}_{name} &"
        for name in shards
        for _ in range(writers)
    )
    sharded.on("app-1", f"runuser -u app -- sh -c {shlex.quote(script + chr(10) + 'wait')}")
    found: set[int] = set()
    for name, number in shards.items():
        here = set(map(int, through(sharded, name, "select id from trial").split()))
        assert len(here) == writers * statements * rows
        assert {ids.shard_in(one) for one in here} == {number}
        through(sharded, name, "drop table trial; drop function massive_next_id; drop sequence massive_id")
        found |= here
    assert len(found) == 200_000


def test_after_moves_the_next_up_finds_everything_in_place(sharded: Stack) -> None:
    sharded.up()
    assert " 0 operations" in sharded.up()
    sharded.command("verify", str(sharded.folder))
