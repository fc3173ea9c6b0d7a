"""Every port of every host from every other and from outside; and rules that would lock the operator out."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import port_scan
import pytest
from harness import ROOT, Stack, stack, within
from warm import warm

from massive_deploy.inventory import open_inventory
from massive_deploy.topology.layout import Layout
from massive_deploy.topology.openings import openings

pytestmark = [pytest.mark.stack, pytest.mark.proof]
SCRIPT = "/usr/local/lib/massive-deploy/firewall"
SCAN = Path(port_scan.__file__).read_text(encoding="utf-8")
SSH = 22
# Besides SSH, which is open to all: who reaches what, by the groups of the demo. Its monitor's pages are for everybody.
DEMO = {
    ("edge", "app"): {8000},
    ("edge", "monitor"): {9090, 19532},
    ("app", "monitor"): {9090, 19532},
    ("cache", "monitor"): {9090, 19532},
    ("app", "edge"): {80, 6083},
    ("app", "db"): {5432, 8008, 8009},
    ("app", "cache"): {6379, 11211},
    ("db", "db"): {5432, 8008, 2379, 2380},
    ("db", "monitor"): {2379, 2380, 9090, 19532},
    ("db", "edge"): {80},
    ("cache", "edge"): {80},
    ("monitor", "edge"): {80, 9100, 9113, 9131, 9145},
    ("monitor", "app"): {9100, 8405, 9127, 9145},
    ("monitor", "db"): {9100, 8008, 8009, 9187, 2379, 2380, 2381},
    ("monitor", "cache"): {9100, 9121, 9150},
}
ALLOWED = "allow: [{port: 9090, groups: [monitor]}]"
SHARDED = """
name: {name}
stack: sharded
target: docker
app_servers: 1
shards: 2
roles: {{nginx: {{tls: own}}}}
app:
  source: {source}
  settings: shop.settings
  health: /-/health
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    name = "md-wall"
    with stack(tmp_path_factory.mktemp("wall"), name) as made:
        text = (ROOT / "inventories/demo/topology.yaml").read_text(encoding="utf-8")
        text = text.replace("name: demo", f"name: {name}").replace("../../examples", str(ROOT / "examples"))
        made.write(warm(text.replace("target: docker ", "target: docker\n#")))
        made.up()
        yield made


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    name = "md-wall-sharded"
    with stack(tmp_path_factory.mktemp("wall-sharded"), name) as made:
        made.write(warm(SHARDED.format(name=name, source=ROOT / "examples/shop")))
        made.up()
        yield made


def layout(made: Stack) -> Layout:
    return open_inventory(made.folder).layout


def from_host(made: Stack, host: str, words: Iterable[str]) -> dict[str, set[int]]:
    """Open ports by the name of the host they are on, as seen from another host."""
    script = f"cat >/tmp/port_scan.py <<'SCAN'\n{SCAN}\nSCAN\npython3 /tmp/port_scan.py <<'WORDS'\n"
    said = made.on(host, script + "\n".join(words) + "\nWORDS")
    return by_name(made, ((address, int(port)) for address, port in map(str.split, said.splitlines())))


def by_name(made: Stack, pairs: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    names = {host["address"]: name for name, host in made.hosts().items()}
    found: dict[str, set[int]] = {}
    for address, port in pairs:
        found.setdefault(names[address], set()).add(port)
    return found


def every_port(made: Stack, source: str) -> dict[str, set[int]]:
    return from_host(made, source, (f"{h['address']} 1-65535" for name, h in made.hosts().items() if name != source))


def declared(of: Layout) -> set[int]:
    return {port.number for ports in of.ports.values() for port in ports if port.protocol == "tcp"} | {SSH}


def test_from_outside_only_ssh_the_site_and_the_pages_are_open(demo: Stack) -> None:
    words = " ".join(f"{host['address']} 1-65535" for host in demo.hosts().values())
    found = by_name(demo, port_scan.opened(port_scan.words(words)))
    public = {"edge": {80}, "monitor": {9090}}
    assert found == {name: {SSH} | public.get(name.rpartition("-")[0], set()) for name in demo.hosts()}


@pytest.mark.parametrize("source", ["edge-1", "app-1", "app-2", "db-1", "db-2", "cache-1", "monitor-1"])
def test_each_host_reaches_what_its_roles_call_and_nothing_else(demo: Stack, source: str) -> None:
    group = source.rpartition("-")[0]
    wanted = {
        name: {SSH} | DEMO.get((group, name.rpartition("-")[0]), set()) for name in demo.hosts() if name != source
    }
    assert every_port(demo, source) == wanted


def test_what_a_host_reaches_is_what_the_edges_say(demo: Stack) -> None:
    """The table above and the layout agree: whoever changes one changes the other."""
    of = layout(demo)
    for host in of.hosts:
        for way in openings(of)[host.name]:
            callers = {other.group for other in of.hosts if way.address in {"", other.address} and other != host}
            for group in callers:
                assert way.port in DEMO[group, host.group], way


def test_on_shards_the_open_set_is_the_edges(sharded: Stack) -> None:
    of = layout(sharded)
    ports = declared(of)
    for source in of.hosts:
        others = [host for host in of.hosts if host.name != source.name]
        words = (f"{host.address} {port}" for host in others for port in sorted(ports))
        wanted = {
            host.name: {SSH}
            | {
                way.port
                for way in openings(of)[host.name]
                if way.protocol == "tcp" and way.address in {"", source.address}
            }
            for host in others
        }
        assert from_host(sharded, source.name, words) == wanted, source.name
    outside = by_name(sharded, port_scan.opened((host.address, port) for host in of.hosts for port in ports))
    assert outside == {host.name: {SSH, 80, 443} if host.group == "edge" else {SSH} for host in of.hosts}


def test_every_acceptance_check_of_it_passes_and_the_audit_agrees(demo: Stack) -> None:
    demo.command("verify", str(demo.folder), "--roles", "firewall")
    demo.command("audit", str(demo.folder), "--checks", "firewall,ports,sandboxes,secrets,accounts")


def test_a_second_up_changes_nothing(demo: Stack) -> None:
    assert " 0 operations" in demo.up()


def test_rules_come_back_at_boot_before_the_network(demo: Stack) -> None:
    demo.on("edge-1", "systemctl reboot", code=None)
    within(60, lambda: demo.http("/").status == 0, "edge-1 goes down")
    subprocess.run(["docker", "start", f"{demo.name}-edge-1"], check=True, capture_output=True)
    within(90, lambda: demo.http("/").status == 200, "the site is back")
    assert "policy drop" in demo.on("edge-1", "nft list chain inet massive_deploy input")
    order = "systemctl show -p ActiveEnterTimestampMonotonic --value massive-deploy-firewall network-pre.target"
    loaded, network = map(int, demo.on("edge-1", order).split())
    assert 0 < loaded <= network


def reachable(made: Stack, host: str) -> bool:
    return bool(list(port_scan.opened([(made.hosts()[host]["address"], SSH)])))


def test_rules_that_would_cut_ssh_are_taken_back(demo: Stack) -> None:
    before = {name: demo.on(name, "nft -ns list table inet massive_deploy") for name in demo.hosts()}
    text = (demo.folder / "topology.yaml").read_text(encoding="utf-8")
    demo.edit(ALLOWED, f"ssh_from: [192.0.2.0/24]\n    {ALLOWED}")
    run = demo.command("up", str(demo.folder), code=5)
    loaded = time.monotonic()
    assert "SSH comes in at port 22 from 192.0.2.0/24" in run.stderr
    assert "a new connection did not come in" in run.stderr
    within(70, lambda: all(reachable(demo, name) for name in demo.hosts()), "every host lets SSH in again")
    assert time.monotonic() - loaded < 70
    demo.write(text)
    demo.up()
    assert {name: demo.on(name, "nft -ns list table inet massive_deploy") for name in demo.hosts()} == before


def test_rules_are_taken_back_when_the_controller_dies_before_it_confirms_them(demo: Stack) -> None:
    text = (demo.folder / "topology.yaml").read_text(encoding="utf-8")
    show = "nft -ns list table inet massive_deploy"
    before = demo.on("app-1", show)
    # The run's first connection comes in; the one that is to confirm waits, and the run dies meanwhile.
    second = "tcp flags syn tcp dport 22 limit rate over 1/minute burst 1 packets drop"
    demo.on(
        "app-1",
        "nft add table inet hang; nft 'add chain inet hang in { type filter hook input priority -10; }'; "
        f"nft add rule inet hang in {second}",
    )
    demo.edit(ALLOWED, ALLOWED.replace("[{", "[{port: 4711}, {"))
    line = [sys.executable, "-m", "massive_deploy", "up", str(demo.folder)]
    run = subprocess.Popen(line, env=dict(demo.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        within(60, lambda: "4711" in demo.on("app-1", show), "the new rules are loaded")
    finally:
        run.kill()
        run.wait()
        demo.on("app-1", "nft delete table inet hang")
    assert demo.on("app-1", "ls /var/lib/massive-deploy/firewall/tried.nft")
    within(75, lambda: demo.on("app-1", show) == before, "the old rules are back")
    said = demo.on("app-1", "journalctl -u massive-deploy-firewall-revert -o cat --no-pager")
    assert "those from before are back" in said
    demo.write(text)
    demo.up()


def test_a_query_that_waits_survives_the_first_load_of_the_rules(demo: Stack) -> None:
    """The kernel may know nothing of connections that are older than the table."""
    database = demo.name.replace("-", "_")
    ask = f"psql -h /run/postgresql -p 6432 -U {database} -d {database} -XAtq -c \"select pg_sleep(6), 'done'\""
    line = ["docker", "exec", f"{demo.name}-app-1", "sh", "-c", ask]
    demo.on("app-1", f"{SCRIPT} unload")
    waiting = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    time.sleep(2)
    demo.on("app-1", f"{SCRIPT} load")
    said, _ = waiting.communicate(timeout=30)
    assert said.strip() == "|done"


def test_more_is_open_where_the_topology_allows_it(demo: Stack) -> None:
    text = (demo.folder / "topology.yaml").read_text(encoding="utf-8")
    demo.edit(ALLOWED, ALLOWED.replace("9090", "9093"))
    demo.up()
    address = demo.hosts()["monitor-1"]["address"]
    assert list(port_scan.opened([(address, 9090), (address, 9093)])) == [(address, 9093)]
    demo.write(text)
    demo.up()
    assert list(port_scan.opened([(address, 9090), (address, 9093)])) == [(address, 9090)]
