"""More and fewer app servers and replicas, in one command each, while customers order: none of them notices."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest
from harness import ROOT, Stack, stack
from orders import Orders
from warm import warm

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-scale"
DATABASE = NAME.replace("-", "_")
HOSTS = """
summary: App servers and database nodes by themselves, the rest together.
hosts:
  rest: {parts: [edge, memcached, redis, monitor], count: 1}
  app: {parts: [app], count: app_servers}
  db: {parts: [database], count: databases}
quorum: [rest]
"""
TOPOLOGY = """
name: {name}
stack: scale
target: docker
app_servers: 1  # more before Christmas
app:
  source: {source}
  settings: shop.settings
  worker: shop
  health: /-/health
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("scale")
    (folder / "stacks").mkdir()
    (folder / "stacks/scale.yaml").write_text(HOSTS, encoding="utf-8")
    with stack(folder, NAME) as found:
        found.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        found.up()
        yield found


def leader(made: Stack) -> str:
    ask = "runuser -u postgres -- psql -XAtqc 'select pg_is_in_recovery()'"
    return next(name for name in made.hosts() if name.startswith("db-") and made.on(name, ask) == "f\n")


def kept(made: Stack) -> set[str]:
    ask = f'runuser -u postgres -- psql -XAtqd {DATABASE} -c "select id from orders_order"'
    return set(made.on(leader(made), ask).split())


def used(made: Stack, host: str) -> float:
    """Seconds of processor time a host has used so far."""
    group = "sed -n 's/^[0-9]*:cpuacct://p' /proc/1/cgroup"
    root = "sed -n 's/^0:://; s|/init.scope$||p' /proc/1/cgroup"
    old, new = f"/sys/fs/cgroup/cpuacct$({group})/cpuacct.usage", f"/sys/fs/cgroup$({root})/cpu.stat"
    return int(made.on(host, f"cat {old} 2>/dev/null || awk '/^usage_usec/ {{print $2 * 1000}}' {new}")) / 1e9


def scaled(made: Stack, *words: str, watched: str = "", before: float = 1) -> Orders:
    """Customers from before to after the change; none of them may have noticed, nor lost an order."""
    shares = []
    with Orders(made, host="rest-1") as customers:
        for act in (
            lambda: time.sleep(before),
            lambda: made.command("scale", str(made.folder), *words, "--yes"),
            lambda: time.sleep(1),
        ):
            begin, had, orders = time.monotonic(), used(made, watched) if watched else 0, len(customers.ids)
            act()
            seconds = time.monotonic() - begin
            if watched:
                load = (used(made, watched) - had) / seconds
                shares.append(f"{load:.2f} cores at {(len(customers.ids) - orders) / seconds:.0f} orders/s")
    if shares:
        sys.stdout.write(f"load of the leader before and during {words[0]}: {shares[0]}; {shares[1]}\n")
    assert customers.failures == []
    assert len(customers.ids) > 50
    assert set(customers.ids) - kept(made) == set()
    return customers


def named(made: Stack, host: str, word: str, *files: str) -> str:
    return made.on(host, f"grep -l {word} {' '.join(files)} 2>/dev/null || true").strip()


EVERYWHERE = (
    "/etc/hosts",
    "/etc/varnish/*.vcl",
    "/etc/varnish/massive/*.vcl",
    "/etc/nginx/conf.d/*.conf",
    "/etc/haproxy/haproxy.cfg",
    "/etc/prometheus/prometheus.yml",
    "/etc/patroni/config.yml",
)


def test_app_servers_come_and_go(made: Stack) -> None:
    scaled(made, "app_servers=3")
    assert {"app-1", "app-2", "app-3"} <= set(made.hosts())
    assert "app_servers: 3  # more before Christmas" in (made.folder / "topology.yaml").read_text(encoding="utf-8")
    addresses = [made.hosts()[name]["address"] for name in ("app-2", "app-3")]
    scaled(made, "app_servers=-2")
    assert not {"app-2", "app-3"} & set(made.hosts())
    for host in made.hosts():
        for address in addresses:
            assert named(made, host, address.replace(".", "[.]"), *EVERYWHERE) == ""


def test_a_replica_comes_and_goes(made: Stack) -> None:
    scaled(made, "replicas=2", watched=leader(made), before=15)
    assert {"db-1", "db-2", "db-3"} <= set(made.hosts())
    refused = made.command("scale", str(made.folder), "replicas=1", "--yes", code=3)
    assert "--lose" in refused.stdout + refused.stderr
    assert "replicas: 2" in (made.folder / "topology.yaml").read_text(encoding="utf-8")
    gone = "db-3"
    address = made.hosts()[gone]["address"]
    scaled(made, "replicas=1", "--lose", gone)
    assert gone not in made.hosts()
    for host in made.hosts():
        assert named(made, host, address.replace(".", "[.]"), *EVERYWHERE) == ""


def test_a_dry_run_and_nonsense_change_nothing(made: Stack) -> None:
    before = (made.folder / "topology.yaml").read_text(encoding="utf-8")
    made.command("scale", str(made.folder), "app_servers=2", "--dry-run", code=2)
    made.command("scale", str(made.folder), "replicas=99", "--yes", code=6)
    made.command("scale", str(made.folder), "app_server=2", "--yes", code=1)
    assert (made.folder / "topology.yaml").read_text(encoding="utf-8") == before


def test_nothing_is_left_to_do(made: Stack) -> None:
    assert " 0 operations" in made.up()
    made.command("verify", str(made.folder))
