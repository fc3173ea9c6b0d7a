"""The edge of a running stack: what visitors get while pages are made, stores hang, app servers are away, or lie.

The tests share one stack and run in order; each leaves it healthy.
"""

from __future__ import annotations

import json
import re
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from edge_client import Reply, Site, median, unseen, until
from edge_outages import APPS, OUTAGES, Outage
from edge_pooler import queries, restarted, waited
from harness import ROOT, Stack, stack, within
from warm import warm

pytestmark = pytest.mark.stack
NAME = "md-edge"
HOSTS = """
summary: An edge, app hosts and stores by themselves; the database beside the monitor.
hosts:
  edge: {parts: [edge], count: edge_servers}
  app: {parts: [app], count: app_servers}
  cache: {parts: [memcached, redis], count: 1}
  db: {parts: [database, monitor], count: databases}
quorum: [db]
"""
# Past its time a page may be served for a moment only, so that what is seen in an outage is grace. The tests' own
# visitors come from the network's first address, and are many; everybody else has limits.
TOPOLOGY = """
name: {name}
stack: edge
target: docker
docker: {{subnet: 10.204.5.0/24}}
app_servers: 2
replicas: 0
cache: {{memcached: 1}}
app:
  source: {source}
  settings: shop.settings
  health: /-/health
  environment: {{SHOP_FAULTS: "1"}}
roles:
  varnish: {{stale: 2}}
  nginx: {{requests_per_second: 20, requests_burst: 20, unlimited: [10.204.5.1]}}
"""
OUTAGE_S = 20


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("edge")
    (folder / "stacks").mkdir()
    (folder / "stacks/edge.yaml").write_text(HOSTS, encoding="utf-8")
    with stack(folder, NAME) as found:
        found.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        found.up()
        yield found


@pytest.fixture(scope="module")
def site(made: Stack) -> Site:
    return Site(made.hosts()["edge-1"]["address"])


def renders(site: Site) -> int:
    """How often the slow page was made until now."""
    reply = site.ask("/slow/count/")
    assert reply.status == 200, reply
    return int(reply.json["renders"])


def products(site: Site) -> list[str]:
    """Paths of the products on the front page."""
    return sorted(set(re.findall(r'href="(/p/[^"/]+/)"', site.ask("/").body)))


# Herds


def test_a_herd_on_a_slow_page_waits_for_one_render_a_lifetime(site: Site) -> None:
    path, before = unseen("/slow/?ms=500"), renders(site)
    with site.herd([path], clients=50) as seen:
        time.sleep(8)
    made = renders(site) - before
    assert seen.failures == []
    assert seen.good(path) > 500
    # Its lifetime is two seconds: without renewal there is one render, without coalescing there are hundreds.
    assert 2 <= made <= seen.seconds // 2 + 1, seen.counts


def test_500_clients_on_one_expired_page_cost_the_origin_one_render(site: Site) -> None:
    path = unseen("/slow/?ms=500")
    first = site.ask(path)
    assert first.status == 200, first
    # Past its lifetime, and past the time it may be served while a new one is made.
    time.sleep(2 + 2 + 1.5)
    before, start = renders(site), time.monotonic()
    replies = site.at_once(path, 500)
    took = time.monotonic() - start
    assert {reply.status for reply in replies} == {200}, [str(reply) for reply in replies if reply.status != 200][:5]
    assert 1 <= renders(site) - before <= 1 + took // 2


# Stores that hang


@contextmanager
def frozen(made: Stack, unit: str) -> Iterator[None]:
    """The processes of a unit on the stores' host neither answer nor close."""
    made.on("cache-1", f"systemctl kill --kill-whom=all -s STOP {unit}")
    try:
        yield
    finally:
        made.on("cache-1", f"systemctl kill --kill-whom=all -s CONT {unit}")


STORES = {"memcached": "/", "redis-server": "/private/whoami/"}


@pytest.mark.parametrize("unit", STORES)
def test_a_store_that_hangs_costs_a_quarter_of_a_second_at_most(made: Stack, site: Site, unit: str) -> None:
    # A session's cookie leads past all caches in front.
    cookie = logged_in(site, "carol")

    def visit() -> Reply:
        return site.ask(STORES[unit], cookie)

    def all_know() -> bool:
        return all("carol" in site.ask("/private/whoami/", cookie).body for _ in range(20))

    usual, replies = median(visit, 15)
    assert {reply.status for reply in replies} == {200}, replies[0]
    with frozen(made, unit):
        hanging, replies = median(visit, 25)
    assert [str(reply) for reply in replies if not 200 <= reply.status < 500] == []
    assert hanging <= usual + 0.25, [round(reply.seconds, 2) for reply in replies]
    within(20, all_know, f"every process knows the session again after {unit} hung")


def logged_in(site: Site, name: str) -> dict[str, str]:
    """Cookies of a new session, among others that mean nothing."""
    given = site.ask(f"/private/whoami/?name={name}", method="POST")
    found = re.search(r"sessionid=\w+", given.headers.get("set-cookie", ""))
    assert found, given
    return {"Cookie": f"_ga=1; {found[0]}; theme=dark"}


# Who asks


LIES: Mapping[str, str] = {
    "X-Forwarded-For": "203.0.113.66, 10.0.0.1",
    "X-Real-IP": "203.0.113.67",
    "Forwarded": "for=203.0.113.68;proto=https;by=203.0.113.69",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "203.0.113.70",
    "X-Client-IP": "203.0.113.71",
    "True-Client-IP": "203.0.113.72",
    "X-Request-ID": "made-up-by-203.0.113.73",
}


@pytest.mark.parametrize("end", ["systemctl restart", "systemctl kill --signal=KILL"])
def test_a_pooler_that_was_restarted_costs_no_request_after_it(made: Stack, site: Site, end: str) -> None:
    # Every process at the app hosts then holds connections.
    assert waited(site, 200) == {200}
    for host in APPS:
        restarted(made, host, end)
    assert waited(site, 1) == {200}


def test_a_page_with_one_query_asks_the_pooler_once(made: Stack, site: Site) -> None:
    """That a pooled connection lives is seen without asking."""
    assert waited(site, 50) == {200}
    before = queries(made)
    assert waited(site, 1, 400) == {200}
    assert 400 <= queries(made) - before < 600


def test_what_a_client_makes_up_never_reaches_django(made: Stack, site: Site) -> None:
    us = site.local_address()
    before = made.on("app-1", "date +%s").strip()
    reply = site.ask(unseen("/echo/"), LIES)
    assert reply.status == 200, reply
    told = reply.json
    assert (told["remote_addr"], told["forwarded_for"], told["scheme"]) == (us, us, "http")
    assert told["host"] == site.address
    assert told["request_id"] == reply.headers["x-request-id"]
    assert "203.0.113" not in reply.body
    asked = told["request_id"]
    django = within(
        10, lambda: _logged(made, APPS, f"journalctl -q -u app.service --since @{before}", asked), "Django's log"
    )
    assert f"echo to {us}" in django
    edge = within(10, lambda: _logged(made, ["edge-1"], "cat /var/log/nginx/access.log", asked), "the edge's log")
    assert json.loads(edge)["client"] == us
    assert "203.0.113" not in django + edge


def _logged(made: Stack, hosts: Sequence[str], logged: str, request: str) -> str:
    """The lines about a request that these hosts have, once they have them: nginx writes its own every two seconds."""
    return "\n".join(line for host in hosts for line in made.on(host, logged).splitlines() if request in line)


def test_limits_count_by_the_address_that_asks_not_by_the_one_it_tells(made: Stack, site: Site) -> None:
    # Each as another client, and as the one that has no limits.
    tale = f"-H 'X-Forwarded-For: {site.local_address()}' -H 'X-Real-IP: {site.local_address()}'"
    asked = f"curl -sS -o /dev/null -w '%{{http_code}}\n' {tale} 'http://{site.address}/page/1k/?n=[1-150]'"
    codes = made.on("cache-1", f"{asked} --parallel --parallel-immediate").split()
    assert len(codes) == 150
    assert codes.count("429") > 50, codes
    assert codes.count("200") >= 20, codes
    assert site.ask("/page/1k/", {"X-Forwarded-For": made.hosts()["cache-1"]["address"]}).status == 200


WHO: Mapping[str, Callable[[str], dict[str, str]]] = {
    "api key": lambda name: {"X-Api-Key": name},
    "api key beside cookies": lambda name: {"X-Api-Key": name, "Cookie": "_ga=1; csrftoken=0123; theme=dark"},
    "basic": lambda name: {"Authorization": f"Basic {name}"},
    "bearer": lambda name: {"Authorization": f"Bearer {name}"},
}


def test_two_users_never_see_each_others_sessions(site: Site) -> None:
    path = unseen("/private/whoami/")
    users = {name: logged_in(site, name) for name in ("alice", "bob")}
    replies = crowd(site, path, {**users, "nobody": {}})
    for name, got in replies.items():
        seen = {reply.json["session"] for reply in got}
        assert seen == ({None} if name == "nobody" else {name})


@pytest.mark.parametrize("kind", WHO)
def test_two_users_never_see_each_others_private_pages(site: Site, kind: str) -> None:
    names = {who: f"{who}{time.time_ns():x}" for who in ("alice", "bob")}
    asking = {who: WHO[kind](name) for who, name in names.items()}
    replies = crowd(site, unseen("/private/whoami/"), {**asking, "nobody": {}})
    for who, got in replies.items():
        others = [name for other, name in names.items() if other != who]
        for reply in got:
            assert reply.cache not in {"HIT", "STALE"}, reply
            assert names.get(who, "null") in reply.body, reply
            assert [name for name in others if name in reply.body] == []


def crowd(site: Site, path: str, users: Mapping[str, Mapping[str, str]]) -> dict[str, list[Reply]]:
    """What each user got, all asking at the same time, again and again."""
    replies: dict[str, list[Reply]] = {user: [] for user in users}

    def visit(user: str) -> None:
        for _ in range(8):
            replies[user].append(site.ask(path, users[user]))

    threads = [threading.Thread(target=visit, args=(user,), daemon=True) for user in users for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for got in replies.values():
        assert [str(reply) for reply in got if reply.status != 200] == []
        assert len(got) == 24
    return replies


# App servers that are away


@contextmanager
def back_afterwards(site: Site) -> Iterator[None]:
    """Whatever happens, the next test finds app servers that answer."""

    def answer() -> bool:
        # One answer may have been waited for while probes had not noticed yet.
        return all(site.ask(unseen("/page/1k/")).status == 200 and time.sleep(0.2) is None for _ in range(10))

    try:
        yield
    finally:
        within(60, answer, "the app servers are back")


BROWSER = {"Accept-Encoding": "gzip, deflate, br, zstd"}


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.__name__)
def test_every_page_seen_outlasts_the_app_servers(made: Stack, site: Site, outage: Outage) -> None:
    pages = ["/", products(site)[0], "/page/1k/", unseen("/slow/?ms=10"), unseen("/page/1k/")]
    bodies = {page: digitless(site.ask(page)) for page in pages}
    for page in pages:
        assert site.ask(page, BROWSER).status == 200
    with back_afterwards(site), outage(made):
        # Until probes have noticed, one request may wait for an app host that is gone.
        within(20, lambda: site.ask(unseen("/page/1k/")).seconds < 1, "the edge knows that nobody is there")
        sorry = []
        with site.herd(pages, clients=4, pause=0.05) as seen:
            end = time.monotonic() + OUTAGE_S
            while time.monotonic() < end:
                sorry.append(site.ask(unseen("/page/1k/")))
                assert [site.ask(page, BROWSER).status for page in pages] == [200] * len(pages)
                time.sleep(1)
        assert seen.failures == []
        assert min(seen.good(page) for page in pages) > 20
        assert_sorry(made, sorry)
        assert {page: digitless(site.ask(page)) for page in pages} == bodies
        with site.herd(pages, clients=4, pause=0.05) as seen:
            made.on("edge-1", "systemctl restart varnish")
            for _ in range(8):
                assert [site.ask(page, BROWSER).status for page in pages] == [200] * len(pages)
                time.sleep(0.5)
        assert seen.failures == []
        assert min(seen.good(page) for page in pages) > 10


def digitless(reply: Reply) -> str:
    """The page without what may differ between two renderings of it."""
    assert reply.status == 200, reply
    return re.sub(r"[0-9.]+", "", reply.body)


def assert_sorry(made: Stack, replies: list[Reply]) -> None:
    """A 503 in less than a second: the project's own page, or the one with which the edge begs pardon."""
    title = re.search(r"<title>.*?</title>", made.on("edge-1", "cat /etc/nginx/massive-deploy/503.html"))
    assert title
    for reply in replies:
        assert reply.status == 503, reply
        if reply.body != "failing on demand\n":
            assert title[0] in reply.body, reply
            assert "retry-after" in reply.headers, reply
    # One may come late on a machine that has much to do.
    assert statistics.median(reply.seconds for reply in replies) < 1, [str(reply) for reply in replies]
    assert max(reply.seconds for reply in replies) < 3, [str(reply) for reply in replies]


# Pages that change


def test_a_purge_by_tag_shows_the_new_page_within_a_second(site: Site) -> None:
    one, other = products(site)[:2]
    changed, same = [unseen(one), unseen("/")], [unseen(other), unseen("/page/1k/")]
    encodings = ("identity", "gzip", "br")

    def ask(page: str, encoding: str) -> Reply:
        return site.ask(page, {"Accept-Encoding": encoding})

    def kept(page: str, encoding: str) -> Reply:
        """The page once it is kept in front: the layer there forgets what it has at the end of each second."""
        hit = lambda reply: reply.cache == "HIT"  # noqa: E731
        return until(10, lambda: ask(page, encoding), hit, f"{page} is kept")

    untouched = {(page, encoding): kept(page, encoding).raw for page in same for encoding in encodings}
    for turn in range(6):
        old = {(page, encoding): kept(page, encoding).raw for page in changed for encoding in encodings}
        # At another moment within the second each time.
        time.sleep((turn / 6 - time.time()) % 1)
        before = {(page, encoding): ask(page, encoding) for page, encoding in old}
        touched = site.ask(f"/touch/product/{one.split('/')[2]}/", method="POST")
        start = time.monotonic()
        assert touched.status == 200, touched
        price = touched.json["price"]
        assert price not in before[changed[0], "identity"].body
        time.sleep(max(0.0, start + 1 - time.monotonic()))
        for _ in range(2):
            for (page, encoding), raw in old.items():
                reply = ask(page, encoding)
                assert reply.status == 200, reply
                assert reply.raw != raw, (turn, page, encoding, reply)
                assert encoding == "br" or price in reply.body, (turn, page, encoding, reply)
    # Neither made again nor lost.
    assert {key: (ask(*key).cache, ask(*key).raw) for key in untouched} == {
        key: ("HIT", raw) for key, raw in untouched.items()
    }


def test_maintenance_begins_and_ends_within_a_second_of_the_command(made: Stack, site: Site) -> None:
    assert site.ask("/").status == 200
    made.command("maintenance", "on", str(made.folder))
    reply = until(1, lambda: site.ask("/"), lambda reply: reply.status == 503, "the maintenance page")
    assert "retry-after" in reply.headers
    assert "text/html" in reply.headers["content-type"]
    assert site.ask("/.massive-deploy/edge").status == 200
    made.command("maintenance", "off", str(made.folder))
    until(1, lambda: site.ask("/"), lambda reply: reply.status == 200, "the site")


def test_every_acceptance_check_passes(made: Stack) -> None:
    made.command("verify", str(made.folder))


def test_nothing_of_all_this_is_left_to_do(made: Stack, tmp_path: Path) -> None:  # noqa: ARG001
    assert " 0 operations" in made.up()
