"""A catalogue of which every cluster has a copy: it follows, nobody writes it, and shards need no other cluster."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from harness import ROOT, Stack, http, stack, within
from warm import warm

pytestmark = pytest.mark.stack
NAME = "md-common"
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
stack: common
target: docker
app_servers: 1
replicas: 1
shards: 2
sharding: {{logical: 4, apps: [orders], common: [catalogue]}}
app:
  source: {source}
  settings: shop.settings
  worker: shop
  health: /-/health
"""
PSQL = f"runuser -u postgres -- psql -XAtqd {DATABASE}"
THERE = "shard0002"
"""A shard of the second cluster."""
ALL = "select md5(string_agg(p::text, ';' order by slug)) from public.catalogue_product p"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("common")
    (folder / "stacks").mkdir()
    (folder / "stacks/common.yaml").write_text(HOSTS, encoding="utf-8")
    with stack(folder, NAME) as found:
        found.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        found.up()
        yield found


def nodes(made: Stack, cluster: int) -> list[str]:
    """The leader first."""
    names = [name for name, host in made.hosts().items() if host["cluster"] == cluster]
    return sorted(names, key=lambda name: made.on(name, f"{PSQL} -c 'select pg_is_in_recovery()'"))


def through(made: Stack, shard: str, sql: str, code: int | None = 0) -> str:
    """What a shard answers at the pooler."""
    psql = f"runuser -u app -- psql -h /run/postgresql -p 6432 -U {DATABASE}_shards -d {DATABASE}_{shard} -XAtqc"
    return made.on("web-1", f'{psql} "{sql}" 2>&1', code).strip()


def default(made: Stack, sql: str, code: int | None = 0) -> str:
    """The same of the default database, as the project."""
    psql = f"runuser -u app -- psql -h /run/postgresql -p 6432 -U {DATABASE} -d {DATABASE} -XAtqc"
    return made.on("web-1", f'{psql} "{sql}"', code).strip()


def priced(made: Stack, price: str, seconds: float = 5) -> None:
    """A product's new price is seen by shards of both clusters; a pool may still say that the cluster is away."""
    write = f"update catalogue_product set price = {price} where slug = 'enamel-mug' returning price"
    within(seconds, lambda: default(made, write, None) == price, "the price is written")
    ask = "select price from catalogue_product where slug = 'enamel-mug'"
    for shard in ("shard0000", THERE):
        within(seconds, lambda shard=shard: through(made, shard, ask) == price, f"{shard} knows the price")


@contextmanager
def readers(made: Stack) -> Iterator[list[str]]:
    """A shard of the second cluster is asked for the catalogue all the time; gives what was no full answer."""
    wrong, done = list[str](), threading.Event()
    count = through(made, THERE, "select count(*) from catalogue_product")

    def read() -> None:
        while not done.is_set():
            said = through(made, THERE, "select count(*) from catalogue_product", None)
            if said != count:
                wrong.append(said)
            time.sleep(0.05)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield wrong
    finally:
        done.set()
        thread.join(60)


def test_every_node_has_the_copy_and_follows(made: Stack) -> None:
    want = made.on(nodes(made, 1)[0], f'{PSQL} -c "{ALL}"')
    for name in nodes(made, 2):
        within(15, lambda name=name: made.on(name, f'{PSQL} -c "{ALL}"', None) == want, f"{name} has the copy")
    priced(made, "17.50")


def test_shards_read_it_beside_their_own_rows_and_cannot_write_it(made: Stack) -> None:
    for shard in ("shard0000", THERE):
        assert int(through(made, shard, "select count(*) from catalogue_product")) > 3
        refused = through(made, shard, "update catalogue_product set price = 1", None)
        assert "permission denied" in refused
    assert "permission denied" in through(made, "shard0000", "select * from public.django_migrations", None)
    own = "select schemaname from pg_tables where tablename = 'django_migrations' and schemaname = current_schema()"
    assert through(made, "shard0000", own) == "shard0000"


def test_the_tables_change_and_readers_see_a_whole_copy_all_the_time(made: Stack) -> None:
    columns = "select string_agg(attname, ',' order by attnum) from pg_attribute"
    columns += " where attrelid = 'catalogue_product'::regclass and attnum > 0 and not attisdropped"
    before = through(made, THERE, columns)
    with readers(made) as wrong:
        default(made, "alter table catalogue_product add column colour text not null default 'blue'")
        within(30, lambda: through(made, THERE, columns) == f"{before},colour", "the column is there")
        priced(made, "18.50")
        default(made, "alter table catalogue_product drop column colour")
        within(30, lambda: through(made, THERE, columns) == before, "the column is gone")
        priced(made, "19.50")
    assert wrong == []


def test_another_leader_publishes_on(made: Stack) -> None:
    """Its place in the log is not known to the new leader: the copy is made anew, unseen."""
    with readers(made) as wrong:
        made.command("switchover", str(made.folder), "--cluster", "1", "--yes")
        priced(made, "20.50", seconds=60)
    assert wrong == []


def test_a_copy_that_somebody_wrote_into_is_made_anew(made: Stack) -> None:
    leader = nodes(made, 2)[0]
    made.on(leader, f"{PSQL} -c \"insert into catalogue_product select 'stray', name, description, price from "
            "catalogue_product where slug = 'enamel-mug'\"")  # fmt: skip
    default(
        made,
        "insert into catalogue_product (slug, name, description, price) values ('stray', 'Stray', 'Written', 5)",
    )
    ask = "select name from catalogue_product where slug = 'stray'"
    within(60, lambda: through(made, THERE, ask) == "Stray", "the publisher's row is there")
    default(made, "delete from catalogue_product where slug = 'stray'")
    within(10, lambda: through(made, THERE, ask) == "", "it follows again")


def keys(cluster: int, count: int) -> list[str]:
    """New orders' ids whose shard is in this cluster."""
    found = []
    while len(found) < count:
        key = str(uuid4())
        shard = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") % LOGICAL
        if shard * 2 // LOGICAL + 1 == cluster:
            found.append(key)
    return found


def test_shards_go_on_while_the_cluster_of_the_common_data_is_down(made: Stack) -> None:
    url = f"http://{made.hosts()['web-1']['address']}/api/orders/"
    product = {"product": "enamel-mug", "quantity": 1}
    for cluster in (1, 2):
        assert [http(url, {**product, "id": key}).status for key in keys(cluster, 3)] == [201, 201, 201]
    down = nodes(made, 1)
    for name in reversed(down):
        made.on(name, "systemctl kill --kill-whom=all --signal=KILL patroni; systemctl stop patroni")
    try:
        for key in keys(2, 40):
            assert http(url, {**product, "id": key}, timeout=5).status == 201
            assert http(f"{url}{key}/", timeout=5).status == 200
        assert http(url, {**product, "id": keys(1, 1)[0]}, timeout=90).status >= 500
    finally:
        for name in down:
            made.on(name, "systemctl start patroni")
    within(120, lambda: http(url, {**product, "id": keys(1, 1)[0]}, timeout=90).status == 201, "the first is back")
    priced(made, "21.50", seconds=60)


def test_everything_is_as_the_topology_says(made: Stack) -> None:
    made.command("verify", str(made.folder))
    made.command("plan", str(made.folder))
