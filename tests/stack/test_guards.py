"""Edits that would take data away, on running clusters: refused with the data as it was, and done when asked for.

Two database clusters of two nodes each, on machines the tool did not make, and two spare machines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from harness import ROOT, Stack, stack, within
from warm import warm_image

from massive_deploy.engine.transport import Fleet, connected
from massive_deploy.targets import Machine, Ssh
from massive_deploy.targets.docker import DockerTarget

pytestmark = pytest.mark.stack
SIZE = re.compile(r"\b\d+(?:\.\d+)?[KMG]\b")
NAME = "md-guards"
SUBNET = "10.203.251.0/24"
NAMES = ("web-1", "db-1", "db-2", "db-3", "db-4", "spare-1", "spare-2")
STACK = """
summary: Everything on one host, database clusters on hosts of their own.
hosts:
  web: {parts: [edge, app, memcached, redis, monitor], count: 1}
  db: {parts: [database], count: databases}
quorum: [db, web]
"""
TOPOLOGY = """
name: {name}
stack: two-groups
target: ssh
hosts:
{hosts}
app_servers: 1
shards: 2
replicas: 1
roles:
  postgresql: {{join_seconds: 180}}
app:
  source: {source}
  settings: shop.settings
  health: /-/health
  name: shop
"""
PSQL = "cd /; runuser -u postgres -- psql -XAtq -d"
ROWS = "CREATE TABLE kept AS SELECT n, md5(n::text) AS word FROM generate_series(1, 1000) AS n"
CHECKSUM = "SELECT count(*) || md5(string_agg(n || word, chr(44) ORDER BY n)) FROM kept"


# Of a machine: its cluster, its name in the topology, whether it follows, and what it holds.
LOOK = f"""
value() {{ sed -n "s/^$1: //p" /etc/patroni/config.yml 2>/dev/null | head -n 1 | tr -d '"'; }}
sql() {{ runuser -u postgres -- psql -XAtq -d "$1" -c "$2" 2>/dev/null; }}
cd /
echo "$(value scope)" "$(value name)" "$(sql postgres 'SELECT pg_is_in_recovery()')" \\
  "$(sql shop "{CHECKSUM}" || echo nothing)"
"""


@dataclass
class Guarded:
    """The running stack, the topology it runs by, what its clusters held at first, and root on every machine."""

    made: Stack
    fleet: Fleet
    topology: str = ""
    held: Mapping[int, str] | None = None

    def clusters(self) -> dict[int, tuple[str, str]]:
        """Cluster → (name of its leader, what it holds), of those that have one leader."""
        outputs = self.fleet.run_all({name: LOOK for name in NAMES if name.startswith(("db", "spare"))})
        rows = [output.stdout.split() for output in outputs.values()]
        leaders = [row for row in rows if len(row) == 4 and row[2] == "f"]
        numbers = [int(row[0].rpartition("-")[2]) for row in leaders]
        return {n: (row[1], row[3]) for n, row in zip(numbers, leaders, strict=True) if numbers.count(n) == 1}

    def cluster(self, number: int) -> tuple[str, str]:
        """Name of a cluster's leader and what it holds, as soon as there is one."""
        found: tuple[str, str] = within(60, lambda: self.clusters().get(number), f"a leader of cluster {number}")
        return found

    def leader(self, cluster: int) -> str:
        return self.cluster(cluster)[0]

    def data(self) -> Mapping[int, str]:
        """What both clusters hold."""
        found = within(60, lambda: len(seen := self.clusters()) == 2 and seen, "a leader of each cluster")
        return {number: held for number, (_, held) in found.items()}

    def refused(self, edit: Callable[[str], str], *lose: str) -> str:
        """`plan` and `up` of the edited topology are refused; data and topology are as before."""
        before = self.data()
        self.made.write(edit(self.topology))
        options = ("--lose", ",".join(lose)) if lose else ()

        def refusal(command: str) -> str:
            return self.made.command(command, str(self.made.folder), *options, code=3).stderr

        with ThreadPoolExecutor() as pool:
            said, too = pool.map(refusal, ("plan", "up"))
        # Data may grow by a little between the two.
        assert SIZE.sub("", too) == SIZE.sub("", said)
        assert "Traceback" not in said
        self.made.write(self.topology)
        assert self.data() == before
        return said

    def done(self, edit: Callable[[str], str], *lose: str) -> None:
        """The edit goes on with these words, converges, and is the topology from now on."""
        self.topology = edit(self.topology)
        self.made.write(self.topology)
        options = ("--lose", ",".join(lose)) if lose else ()
        self.made.command("up", str(self.made.folder), *options)
        self.made.command("plan", str(self.made.folder))


def replaced(old: str, new: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return edit


def setting(line: str) -> Callable[[str], str]:
    return replaced("join_seconds: 180", f"join_seconds: 180, {line}")


def swapped(reach: Mapping[str, Ssh], one: str, other: str) -> Callable[[str], str]:
    a, b = reach[one].host, reach[other].host

    def edit(text: str) -> str:
        return text.replace(f"{a},", "@").replace(f"{b},", f"{a},").replace("@", f"{b},")

    return edit


@pytest.fixture(scope="module")
def reach(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Ssh]]:
    target = DockerTarget(NAME, SUBNET, warm_image(), tmp_path_factory.mktemp("keys"))
    subnet = SUBNET.removesuffix("0/24")
    machines = [Machine(name, f"{subnet}{10 + n}", 2048, 2) for n, name in enumerate(NAMES)]
    try:
        yield target.ensure(machines, lambda _: None)
    finally:
        target.destroy(lambda _: None)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, reach: Mapping[str, Ssh]) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guards")
    (folder / "stacks").mkdir()
    (folder / "stacks/two-groups.yaml").write_text(STACK, encoding="utf-8")
    lines = [
        f"  {name}: {{address: {ssh.host}, key: {ssh.key}, known_hosts: {ssh.known_hosts}, group: {name[:-2]}}}"
        for name, ssh in reach.items()
    ]
    with stack(folder, NAME, destroy=False) as made, connected(reach) as (fleet, unreachable):
        assert unreachable == {}
        hosts = "\n".join(line for line in lines if "spare" not in line)
        topology = TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop", hosts=hosts)
        made.write(topology)
        made.up()
        running = Guarded(made, fleet, topology)
        for host in ("db-1", "db-2", "db-3", "db-4"):
            made.through(host, f'{PSQL} shop -c "{ROWS}"', code=None)  # refused where it follows
        running.held = running.data()
        assert running.held[1].startswith("1000")
        yield running


def switch_over(guarded: Guarded, cluster: int, to: str) -> None:
    leader = guarded.leader(cluster)
    if leader != to:
        wish = f"--leader {leader} --candidate {to} --force {NAME}-{cluster}"
        guarded.made.through(leader, f"patronictl -c /etc/patroni/config.yml switchover {wish}")
        within(60, lambda: guarded.leader(cluster) == to, f"{to} leads")
        within(60, lambda: healthy(guarded), "both clusters complete")


def healthy(guarded: Guarded) -> bool:
    shown = json.loads(guarded.made.command("status", str(guarded.made.folder), "--json", code=None).stdout)
    return all(cluster["good"] for cluster in shown["clusters"])


def test_up_follows_the_leader_that_a_failover_made(guarded: Guarded) -> None:
    switch_over(guarded, 2, "db-4")
    assert " 0 operations" in guarded.made.up()
    assert guarded.leader(2) == "db-4"


def test_what_a_cluster_is_born_with_stays(guarded: Guarded) -> None:
    for line, words in (("checksums: false", "checksums are on, not off"), ("locale: de-DE", "C.UTF-8, not de-DE")):
        said = guarded.refused(setting(line), *NAMES)
        assert words in said
        assert "--lose" not in said


def test_lowered_parameters_are_refused_until_they_are_named(guarded: Guarded) -> None:
    lower = setting("max_connections: 150")
    assert "max_connections goes down from 200 to 150" in guarded.refused(lower)
    guarded.done(lower, "parameters")
    live = guarded.made.through("db-1", "patronictl -c /etc/patroni/config.yml show-config")
    assert "max_connections: 150" in live


def test_another_data_directory_is_refused_until_each_host_is_named(guarded: Guarded) -> None:
    moved = setting("data: /srv/postgresql/data")
    said = guarded.refused(moved)
    assert "db-1: " in said
    assert "in /var/lib/postgresql/17/patroni; the node would begin empty in /srv/postgresql/data" in said
    guarded.refused(moved, "db-1", "db-2", "db-3")
    guarded.done(moved, "db-1", "db-2", "db-3", "db-4")
    assert guarded.data() == guarded.held
    assert guarded.made.through("db-1", f'{PSQL} postgres -c "SHOW data_directory"').strip() == "/srv/postgresql/data"


def test_fewer_replicas_and_a_leader_that_leaves(guarded: Guarded) -> None:
    within(60, lambda: healthy(guarded), "both clusters complete")
    switch_over(guarded, 2, "db-4")
    fewer = replaced("replicas: 1", "replicas: 0")
    said = guarded.refused(fewer)
    assert "a copy of database cluster 2, leads it; shop" in said
    assert re.search(r"; shop \S+ \S+, 1\d{3} rows", said)
    assert "--lose db-2,db-4" in said
    guarded.refused(fewer, "db-4")
    guarded.done(fewer, "db-2", "db-4")
    assert guarded.leader(2) == "db-3"
    assert guarded.data() == guarded.held
    for host in ("db-1", "db-3", "web-1"):
        assert '"health":"true"' in guarded.made.through(host, "curl -fsS http://127.0.0.1:2379/health")
    for host in ("db-2", "db-4"):
        assert f"{host}" in guarded.made.command("plan", str(guarded.made.folder)).stdout
        guarded.made.command("retire", str(guarded.made.folder), host, "--confirm", host)


def test_replicas_come_back_on_the_machines_they_left(guarded: Guarded) -> None:
    guarded.done(replaced("replicas: 0", "replicas: 1"))
    within(60, lambda: healthy(guarded), "both clusters complete")


def test_two_hosts_of_different_clusters_change_places(guarded: Guarded, reach: Mapping[str, Ssh]) -> None:
    said = guarded.refused(swapped(reach, "db-1", "db-4"), "db-1", "db-4")
    assert "a member of etcd keeps its address" in said
    assert "--lose" not in said
    swap = swapped(reach, "db-2", "db-4")
    said = guarded.refused(swap)
    assert f"db-2: member db-4 of database cluster {NAME}-2" in said
    assert f"db-4: member db-2 of database cluster {NAME}-1" in said
    assert "shop " in said
    guarded.done(swap, "db-2", "db-4")
    assert "/srv/postgresql/data.set-aside-" in guarded.made.through("db-2", "ls -d /srv/postgresql/*")
    within(60, lambda: healthy(guarded), "both clusters complete")
    assert guarded.data() == guarded.held


OLD = """
install -d -m 755 /var/lib/postgresql/16/patroni
echo 16 >/var/lib/postgresql/16/patroni/PG_VERSION
"""
FOREIGN = """
rm -r /var/lib/postgresql/16
install -d -m 755 /srv/postgresql/data
echo 17 >/srv/postgresql/data/PG_VERSION
echo precious >/srv/postgresql/data/marker
"""


def test_data_of_others_and_of_other_versions_on_a_new_host(guarded: Guarded, reach: Mapping[str, Ssh]) -> None:
    spare = reach["spare-1"]
    ssh = f"{{address: {spare.host}, key: {spare.key}, known_hosts: {spare.known_hosts}, group: db}}"

    def run(script: str) -> str:
        return guarded.fleet.run("spare-1", script).stdout

    run(OLD)
    exchanged = replaced("  db-4: {", f"  db-9: {ssh}\n  # db-4: {{")
    assert "db-4 (" in guarded.refused(exchanged)
    said = guarded.refused(exchanged, "db-4", "db-9")
    assert "db-9: PostgreSQL 16, " in said
    assert "--lose" not in said
    run(FOREIGN)
    assert "db-9: a PostgreSQL data directory that was not made here" in guarded.refused(exchanged, "db-4")
    guarded.done(exchanged, "db-4", "db-9")
    assert run("cat /srv/postgresql/data.set-aside-*/marker").strip() == "precious"
    within(60, lambda: healthy(guarded), "both clusters complete")


def test_a_shard_with_rows_goes_only_when_its_hosts_are_named(guarded: Guarded) -> None:
    fewer = replaced("shards: 2", "shards: 1")
    said = guarded.refused(fewer)
    assert "database cluster 2, leads it; shop" in said
    assert re.search(r"; shop \S+ \S+, 1\d{3} rows", said)
    guarded.refused(fewer, "db-3")
    guarded.done(fewer, "db-3", "db-9")
    assert guarded.cluster(1)[1] == (guarded.held or {})[1]


def test_another_name_loses_everything_and_must_be_meant(guarded: Guarded) -> None:
    guarded.held = None
    renamed = replaced(f"name: {NAME}\n", f"name: {NAME}-new\n")
    guarded.made.write(renamed(guarded.topology))
    said = guarded.made.command("up", str(guarded.made.folder), code=3).stderr
    assert f"set up as {NAME}" in said
    said = guarded.made.command("up", str(guarded.made.folder), "--lose", NAME, code=3).stderr
    assert f"db-1: member db-1 of database cluster {NAME}-1" in said
    guarded.done(renamed, NAME, "db-1", "db-2")
    assert "set-aside" in guarded.made.through("db-1", "ls -d /srv/postgresql/*")
    assert "kept" not in guarded.made.through(guarded.leader(1), f'{PSQL} shop -c "\\dt"')
    assert guarded.made.http("/", host="web-1").status == 200
