"""Requests read from a replica that is two seconds late, and no visitor misses what he has written."""

from __future__ import annotations

import http.cookiejar
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from harness import ROOT, Stack, stack, within
from warm import warm

pytestmark = pytest.mark.stack
NAME = "md-reads"
LATE = 2
HOSTS = """
summary: Two database nodes, all the rest on one host.
hosts:
  web: {parts: [edge, app, memcached, redis, monitor], count: 1}
  db: {parts: [database], count: databases}
quorum: [web]
"""
TOPOLOGY = """
name: {name}
stack: reads
target: docker
app_servers: 1
replicas: 1
reads:
  apps: [orders]
app:
  source: {source}
  settings: shop.settings
  worker: shop
  health: /-/health
"""
PSQL = "runuser -u postgres -- psql -XAtqc"
PATRONI = "runuser -u postgres -- patronictl -c /etc/patroni/config.yml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("reads")
    (folder / "stacks").mkdir()
    (folder / "stacks/reads.yaml").write_text(HOSTS, encoding="utf-8")
    with stack(folder, NAME) as found:
        found.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        found.up()
        yield found


def delay(made: Stack, seconds: int) -> None:
    """The replica applies what it receives this much later."""
    want = f"{seconds}s" if seconds else "0"
    said = f"postgresql.recovery_conf.recovery_min_apply_delay={want}"
    made.on("db-1", f"{PATRONI} edit-config --force -q -s {said}")
    ask = f"{PSQL} 'SHOW recovery_min_apply_delay'"
    nodes = [host for host in ("db-1", "db-2") if made.on(host, f"{PSQL} 'SELECT pg_is_in_recovery()'") == "t\n"]
    within(30, lambda: {made.on(host, ask).strip() for host in nodes} == {want}, "the replica waits")


@dataclass
class Visitor:
    """Orders now and then, and looks at his orders in between."""

    url: str
    product: str
    read: list[bool] = field(default_factory=list)
    """For each read, whether a replica answered."""
    stale: int = 0
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._open = urllib.request.build_opener(jar).open

    def _ask(self, path: str, body: object = None) -> dict[str, object]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {"Content-Type": "application/json"})
        with self._open(request, timeout=20) as answer:
            found: dict[str, object] = json.load(answer)
        return found

    def visit(self, orders: int, reads: int, pause: float) -> None:
        for _ in range(orders):
            try:
                order = self._ask("/api/orders/", {"product": self.product, "quantity": 1})["id"]
            except OSError as error:
                self.failures.append(f"order: {error}")
                continue
            for _ in range(reads):
                try:
                    self.read.append(bool(self._ask(f"/api/orders/{order}/")["in_recovery"]))
                except urllib.error.HTTPError as error:
                    if error.code == 404:
                        self.stale += 1
                    else:
                        self.failures.append(f"read: {error}")
                time.sleep(pause)


def crowd(made: Stack, visitors: int = 6, orders: int = 3, reads: int = 50, pause: float = 0.25) -> list[Visitor]:
    url = f"http://{made.hosts()['web-1']['address']}"
    product = made.http("/", host="web-1").body.split('href="/p/', 1)[1].split("/", 1)[0]
    found = [Visitor(url, product) for _ in range(visitors)]
    threads = [threading.Thread(target=one.visit, args=(orders, reads, pause)) for one in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_nobody_misses_what_he_wrote_while_the_replica_is_late(made: Stack) -> None:
    delay(made, LATE)
    seen = crowd(made)
    reads = [answer for one in seen for answer in one.read]
    assert [said for one in seen for said in one.failures] == []
    assert sum(one.stale for one in seen) == 0
    assert len(reads) >= 600
    assert sum(reads) / len(reads) >= 0.6


def test_without_the_cookie_reads_are_as_late_as_the_replica(made: Stack) -> None:
    """The test above would see stale reads."""
    (visitor,) = crowd(made, visitors=1, orders=0)
    order = visitor._ask("/api/orders/", {"product": visitor.product, "quantity": 1})["id"]
    other = Visitor(visitor.url, visitor.product)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        other._ask(f"/api/orders/{order}/")
    assert visitor._ask(f"/api/orders/{order}/")["in_recovery"] is False
    within(10 * LATE, lambda: visitor._ask(f"/api/orders/{order}/")["in_recovery"] is True, "replica reads")


def test_who_wrote_reads_from_the_leader_while_a_replica_is_away(made: Stack) -> None:
    """It is not known what the replica has: it may still answer others."""
    delay(made, 0)
    (visitor,) = crowd(made, visitors=1, orders=0)
    members = json.loads(made.on("db-1", f"{PATRONI} list -f json"))
    replica = next(one["Member"] for one in members if one["Role"] != "Leader")
    made.on(replica, "systemctl stop patroni")
    try:
        order = visitor._ask("/api/orders/", {"product": visitor.product, "quantity": 1})["id"]
        for _ in range(20):
            assert visitor._ask(f"/api/orders/{order}/")["in_recovery"] is False
            time.sleep(0.1)
    finally:
        made.on(replica, "systemctl start patroni")
    within(
        60,
        lambda: Visitor(visitor.url, "")._ask(f"/api/orders/{order}/")["in_recovery"] is True,
        "the replica answers again",
    )


def test_everything_is_as_the_topology_says(made: Stack) -> None:
    made.command("verify", str(made.folder))
    made.command("plan", str(made.folder))
