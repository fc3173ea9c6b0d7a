"""Two edge servers with one address and HTTPS: the address moves, certificates change, and visitors hardly notice.

The tests share one stack of three hosts and run in order; each leaves it healthy.
"""

from __future__ import annotations

import http.client
import itertools
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from harness import ROOT, Stack, stack, within
from warm import warm

from massive_deploy.authority import leaf, new_authority

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-edgepair"
SHARED = "10.203.241.200"
EDGES = ("edge-1", "edge-2")
PAIR = """
summary: Two edge servers, and all the rest on a third host.
hosts:
  edge: {parts: [edge], count: edge_servers}
  rest: {parts: [app, database, memcached, redis, monitor], count: 1}
quorum: [rest]
"""
TOPOLOGY = """
name: {name}
stack: edge-pair
target: docker
docker: {{memory: 2GiB, subnet: 10.203.241.0/24}}
edge_servers: 2
edge_address: {shared}/24
app_servers: 1
replicas: 0
app:
  source: {source}
  settings: shop.settings
  health: /-/health
  domains: [shop.example]
roles:
  nginx: {{tls: own}}
"""
PEBBLE = """
{{"pebble": {{"listenAddress": "0.0.0.0:14000", "managementListenAddress": "127.0.0.1:15000",
 "certificate": "/srv/pebble/chain.pem", "privateKey": "/srv/pebble/key.pem", "httpPort": 80, "tlsPort": 443,
 "ocspResponderURL": "", "externalAccountBindingRequired": false}}}}
"""
# The directory's own resolver says that every name is the shared address.
DIRECTORY = f"""
set -e
apt-get -q update >/dev/null; apt-get -q -y --no-install-recommends install pebble >/dev/null
systemd-run --quiet --unit names pebble-challtestsrv -defaultIPv6 "" -defaultIPv4 {SHARED} -http01 "" -https01 "" \
    -tlsalpn01 "" -doh ""
systemd-run --quiet --unit directory pebble -config /srv/pebble/config.json -dnsserver 127.0.0.1:8053
"""


class Site:
    """The shared address as a browser sees it that trusts the stack's own authority."""

    def __init__(self, authority: str) -> None:
        self.trust = ssl.create_default_context(cadata=authority)
        self.anybody = ssl.create_default_context()
        self.anybody.check_hostname = False
        self.anybody.verify_mode = ssl.CERT_NONE

    def get(self, path: str = "/", *, context: ssl.SSLContext | None = None, patience: float = 1) -> int | str:
        """Status of a request on a connection of its own; what went wrong when there is none."""
        connection = http.client.HTTPSConnection(SHARED, timeout=patience, context=context or self.trust)
        try:
            connection.request("GET", path, headers={"Host": "shop.example"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()
        return answer.status

    def issuer(self, host: str) -> str:
        """Who issued the certificate that is served at that address."""
        with (
            socket.create_connection((host, 443), timeout=5) as plain,
            self.anybody.wrap_socket(plain, server_hostname="shop.example") as secured,
        ):
            raw = secured.getpeercert(binary_form=True) or b""
        line = ["openssl", "x509", "-inform", "der", "-noout", "-issuer", "-serial"]
        return subprocess.run(line, input=raw, capture_output=True, check=True).stdout.decode()

    @contextmanager
    def visited(
        self, context: ssl.SSLContext | None = None, patience: float = 1
    ) -> Iterator[list[tuple[float, int | str]]]:
        """Two visitors, over and over; yields when each was answered, and how."""
        seen: list[tuple[float, int | str]] = []
        over = threading.Event()

        def visit() -> None:
            while not over.is_set():
                answer = self.get(context=context, patience=patience)
                seen.append((time.monotonic(), answer))
                over.wait(0.03)

        threads = [threading.Thread(target=visit, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield seen
        finally:
            over.set()
            for thread in threads:
                thread.join(10)
        if len(seen) < 20:
            pytest.fail(f"the visitors hardly came: {seen}")


PATIENT = 4
"""Seconds; a packet that is lost while the address moves is sent again after one."""


def bad(seen: list[tuple[float, int | str]]) -> list[int | str]:
    """Answers other than good ones."""
    return [answer for _, answer in seen if answer != 200]


def gap(seen: list[tuple[float, int | str]]) -> float:
    """The longest time (s) without a good answer."""
    good = sorted(moment for moment, answer in seen if answer == 200)
    return max(after - before for before, after in itertools.pairwise(good))


def holders(pair: Stack) -> list[str]:
    return [edge for edge in EDGES if f" {SHARED}/" in pair.inside(edge, "ip -o -4 address show")]


def holder(pair: Stack) -> str:
    (found,) = within(20, lambda: holders(pair) if len(holders(pair)) == 1 else None, "one edge holds the address")
    return str(found)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("edgepair")
    (folder / "stacks").mkdir()
    (folder / "stacks/edge-pair.yaml").write_text(PAIR, encoding="utf-8")
    with stack(folder, NAME) as made:
        made.write(warm(TOPOLOGY.format(name=NAME, shared=SHARED, source=ROOT / "examples/shop")))
        made.up()
        yield made


@pytest.fixture(scope="module")
def site(pair: Stack) -> Site:
    return Site(pair.command("ca", str(pair.folder)).stdout)


def test_the_shared_address_serves_the_site_by_a_certificate_that_its_own_authority_signed(
    pair: Stack, site: Site
) -> None:
    assert holder(pair) in EDGES
    within(20, lambda: site.get(patience=10) == 200, "the site at the shared address")
    assert "CERTIFICATE_VERIFY_FAILED" in str(Site(new_authority("other", datetime.now(UTC)).chain).get(patience=10))
    plain = http.client.HTTPConnection(SHARED, timeout=10)
    plain.request("POST", "/cart/?a=b", headers={"Host": "shop.example"})
    answer = plain.getresponse()
    assert (answer.status, answer.getheader("Location")) == (308, "https://shop.example/cart/?a=b")
    plain.close()


def test_a_second_run_changes_no_certificate(pair: Stack) -> None:
    assert " 0 operations" in pair.up()
    assert pair.command("plan", str(pair.folder)).returncode == 0


def test_every_acceptance_check_of_the_edge_passes(pair: Stack) -> None:
    pair.command("verify", str(pair.folder), "--roles", "nginx,varnish,keepalived")


def test_without_nginx_the_address_moves_and_stays_where_it_went(pair: Stack, site: Site) -> None:
    first = holder(pair)
    with site.visited() as seen:
        time.sleep(1)
        pair.on(first, "systemctl stop nginx")
        time.sleep(7)
        second = holder(pair)
        pair.on(first, "systemctl start nginx")
        time.sleep(7)
    assert second != first
    assert holder(pair) == second
    assert gap(seen) < 5


def test_without_varnish_visitors_of_kept_pages_notice_nothing(pair: Stack, site: Site) -> None:
    first = holder(pair)
    within(10, lambda: site.get() == 200, "a page in the edge's own cache")
    with site.visited(patience=PATIENT) as seen:
        time.sleep(1)
        pair.on(first, "systemctl stop varnish")
        within(12, lambda: holders(pair) not in ([], [first]), "another edge takes over")
        pair.on(first, "systemctl start varnish")
        time.sleep(1)
    assert bad(seen) == []


def test_without_its_host_the_address_moves(pair: Stack, site: Site) -> None:
    first = holder(pair)
    with site.visited() as seen:
        time.sleep(1)
        subprocess.run(["docker", "kill", f"{NAME}-{first}"], capture_output=True, check=True)
        time.sleep(7)
    subprocess.run(["docker", "start", f"{NAME}-{first}"], capture_output=True, check=True)
    assert gap(seen) < 5
    running = "systemctl is-active nginx varnish keepalived | sort -u"
    within(60, lambda: pair.inside(first, running).strip() == "active", f"{first} is back")
    assert holder(pair) != first
    pair.command("verify", str(pair.folder), "--roles", "keepalived")


def test_a_new_name_brings_new_certificates_and_loses_no_request(pair: Stack, site: Site) -> None:
    before = [site.issuer(pair.hosts()[edge]["address"]) for edge in EDGES]
    pair.edit("domains: [shop.example]", "domains: [shop.example, www.shop.example]")
    planned = pair.command("plan", str(pair.folder), code=2).stdout
    assert "own.pem" in planned
    assert "BEGIN" not in planned
    with site.visited() as seen:
        pair.up()
        time.sleep(2)
    assert [site.issuer(pair.hosts()[edge]["address"]) for edge in EDGES] != before
    assert bad(seen) == []
    assert " 0 operations" in pair.up()


def test_a_drained_edge_hands_the_address_over_and_loses_no_request(pair: Stack, site: Site) -> None:
    first = holder(pair)
    with site.visited(patience=PATIENT) as seen:
        pair.on(first, "mkdir -p /run/massive-deploy && touch /run/massive-deploy/drain")
        within(12, lambda: holders(pair) not in ([], [first]), "another edge takes over")
        time.sleep(1)
        pair.on(first, "systemctl restart nginx; rm /run/massive-deploy/drain")
        time.sleep(3)
    assert bad(seen) == []


def test_an_issuers_certificates_replace_the_stacks_own(pair: Stack, site: Site) -> None:
    rest = pair.hosts()["rest-1"]["address"]
    directory = new_authority("directory", datetime.now(UTC))
    own = leaf(directory, ("rest-1", rest), datetime.now(UTC))
    pair.on("rest-1", "mkdir -p /srv/pebble")
    for name, text in (("chain.pem", own.chain), ("key.pem", own.key), ("config.json", PEBBLE.format())):
        pair.inside("rest-1", f"cat >/srv/pebble/{name}", text)
    pair.on("rest-1", DIRECTORY)
    for edge in EDGES:
        pair.inside(edge, "cat >/etc/ssl/directory.pem", directory.chain)
    pair.edit(
        "nginx: {tls: own}",
        "firewall: {allow: [{port: 14000, groups: [rest]}]}\n  nginx: {tls: acme, "
        f'acme: {{directory: "https://{rest}:14000/dir", email: a@shop.example, bundle: /etc/ssl/directory.pem}}}}',
    )
    with site.visited(site.anybody) as seen:
        pair.up()
        for edge in EDGES:
            address = pair.hosts()[edge]["address"]
            within(180, lambda at=address: "Pebble" in site.issuer(at), f"{edge} serves the issuer's certificate")
        time.sleep(2)
    assert bad(seen) == []
    # Once is enough: the next time nothing is asked for.
    before = site.issuer(SHARED)
    pair.on(holder(pair), "systemctl start acme-certificate")
    assert site.issuer(SHARED) == before
    assert " 0 operations" in pair.up()
