"""Early failover on real hosts: a writer on every node, and partitions of every shape.

For each of them: nothing acknowledged is lost, no node acknowledges anything once another has begun to, and the lock is
freed early where the leader's host is gone, and nowhere else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from harness import Stack, within
from warm import one_cluster

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-early"
NODES = ("db-1", "db-2", "db-3")
SQL = "cd /; runuser -u postgres -- psql -XAtq -d postgres -c"
FAULT_SECONDS = 10
"""Longer than the watchers need, shorter than the leader's lease (20 s) with what is left of it."""


@dataclass(frozen=True)
class Fault:
    """What is done to the leader's host, how it is undone, and whether its lock may be freed early."""

    name: str
    early: bool
    do: Callable[[Stack, str], None]
    undo: Callable[[Stack, str], None]


def rules(*lines: str) -> Callable[[Stack, str], None]:
    """Packet filters of the test's own on the leader's host; `PEERS` and `FIRST` stand for the replicas' addresses."""

    def do(made: Stack, leader: str) -> None:
        peers = [made.hosts()[name]["address"] for name in NODES if name != leader]
        text = "".join(f"add rule inet test_faults {line}\n" for line in lines)
        text = text.replace("PEERS", "{ " + ", ".join(peers) + " }").replace("FIRST", peers[0])
        chains = "".join(
            f"add chain inet test_faults {hook} {{ type filter hook {hook} priority 10; }}\n"
            for hook in ("input", "output")
        )
        script = "add table inet test_faults\n" + chains + text
        made.inside(leader, "nft -f -", script)
        assert "drop" in made.on(leader, "nft list table inet test_faults")

    return do


def heal(made: Stack, leader: str) -> None:
    made.on(leader, "nft delete table inet test_faults")


def engine(verb: str) -> Callable[[Stack, str], None]:
    def do(made: Stack, leader: str) -> None:
        subprocess.run(["docker", verb, f"{made.name}-{leader}"], check=True, capture_output=True, timeout=60)

    return do


def signal(name: str) -> Callable[[Stack, str], None]:
    def do(made: Stack, leader: str) -> None:
        made.on(leader, f"systemctl kill --kill-whom=main -s {name} patroni")

    return do


def nothing(made: Stack, leader: str) -> None:  # noqa: ARG001
    return


FAULTS = (
    Fault("power off", True, engine("kill"), engine("start")),
    Fault("cut from all", True, rules('input iifname != "lo" drop', 'output oifname != "lo" drop'), heal),
    Fault("hears nobody", True, rules('input iifname != "lo" drop'), heal),
    Fault("is heard by nobody", True, rules('output oifname != "lo" drop'), heal),
    Fault("frozen", True, engine("pause"), engine("unpause")),
    Fault(
        "cut from the replicas, not from etcd",
        False,
        rules(
            "input ip saddr PEERS tcp dport != { 2379, 2380 } tcp sport != { 2379, 2380 } drop",
            "output ip daddr PEERS tcp dport != { 2379, 2380 } tcp sport != { 2379, 2380 } drop",
        ),
        heal,
    ),
    Fault("cut from one replica", False, rules("input ip saddr FIRST drop", "output ip daddr FIRST drop"), heal),
    Fault(
        "cut from etcd",
        False,
        rules("output oifname != lo tcp dport { 2379, 2380 } drop", "input iifname != lo tcp dport 2380 drop"),
        heal,
    ),
    Fault("Patroni hangs", False, signal("STOP"), signal("CONT")),
    Fault("Patroni killed", False, signal("KILL"), nothing),
    Fault("PostgreSQL's port blocked", False, rules("input iifname != lo tcp dport 5432 drop"), heal),
)


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with one_cluster(tmp_path_factory.mktemp("early"), NAME, "failover: {speed: fast, early: true}") as made:
        leader = settled(made)
        made.on(leader, f"{SQL} 'CREATE TABLE two_writers (run text, node text, n bigint)'")
        yield made


def members(made: Stack) -> dict[str, Any]:
    """Of every database host: what its watcher says, and what Patroni on it says of the cluster."""
    found = {}
    for name in NODES:
        address = made.hosts()[name]["address"]
        told = made.inside(
            name, f"cat /run/leader-watch/state.json; curl -s --max-time 3 http://{address}:8008/cluster"
        )
        with suppress(ValueError):
            found[name] = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    return found


def settled(made: Stack) -> str:
    """The leader, once both replicas stream, both may acknowledge, and no watcher holds a fence."""

    def look() -> str:
        told = members(made)
        leaders = set()
        for name in NODES:
            if len(told.get(name, ())) != 2:
                return ""
            state, cluster = told[name]
            rows = {row["name"]: (row["role"], row["state"]) for row in cluster["members"]}
            if sorted(rows.values()) != [("leader", "running")] + [("quorum_standby", "streaming")] * 2:
                return ""
            if state["fence"] or state["votes"] or time.time() - state["at"] > 5:
                return ""
            leaders |= {member for member, (role, _) in rows.items() if role == "leader"}
        return leaders.pop() if len(leaders) == 1 else ""

    return str(within(150, look, "one leader, two replicas that may acknowledge, no fence"))


def freed(made: Stack) -> int:
    """How often a watcher has freed a lock so far."""
    count = "journalctl -o cat -u leader-watch | grep -c 'freed the lock' || :"
    return sum(int(made.inside(name, count).strip() or 0) for name in NODES)


@dataclass(frozen=True, order=True)
class Acknowledged:
    """One write: when, on which timeline, by which node."""

    at: float
    timeline: int
    node: str
    number: int


class Writers:
    """A writer on each node."""

    def __init__(self, made: Stack, run: str) -> None:
        self.made, self.run = made, run
        script = Path(__file__).with_name("two_writers.py").read_text(encoding="utf-8")
        for node in NODES:
            made.inside(node, "cat >/var/tmp/two_writers.py", script)
            words = f"cd /; exec runuser -u postgres -- python3 /var/tmp/two_writers.py {run} {node} /var/tmp/{run}"
            made.on(node, f"systemd-run --quiet --collect --unit=writer-{run} sh -c {words!r}")

    def end(self) -> list[Acknowledged]:
        """All that was acknowledged, in order of time."""
        found = []
        for node in NODES:
            self.made.inside(node, f"systemctl kill -s KILL writer-{self.run}")
            lines = self.made.inside(node, f"cat /var/tmp/{self.run}").splitlines()
            for at, timeline, number in (line.split() for line in lines if line.count(" ") == 2):
                found.append(Acknowledged(float(at), int(timeline), node, int(number)))
        return sorted(found)


def rows(made: Stack, leader: str, run: str) -> set[tuple[str, int]]:
    """What the leader has of a run."""
    lines = made.on(leader, f"{SQL} \"SELECT node || ' ' || n FROM two_writers WHERE run = '{run}'\"").splitlines()
    return {(node, int(number)) for node, number in (line.split() for line in lines if line)}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nobody_else_acknowledges_and_nothing_is_lost(early: Stack, fault: Fault) -> None:
    leader = settled(early)
    before = freed(early)
    run = f"run{FAULTS.index(fault)}"
    writers = Writers(early, run)
    within(30, lambda: early.inside(leader, f"wc -l </var/tmp/{run}").strip() not in {"", "0"}, "the first write")
    time.sleep(2)
    fault.do(early, leader)
    try:
        time.sleep(FAULT_SECONDS)
    finally:
        fault.undo(early, leader)
    undone = time.time()
    if fault.name == "power off":
        within(60, lambda: early.inside(leader, "echo up").strip() == "up", "the host is back")
    after = settled(early)
    time.sleep(1)
    acknowledged = writers.end()
    assert freed(early) - before == int(fault.early), fault.name
    owners = {(one.timeline, one.node) for one in acknowledged}
    assert len(owners) == len({timeline for timeline, _ in owners}), owners
    timelines = [one.timeline for one in acknowledged]
    assert timelines == sorted(timelines), "an old leader acknowledged after a new one"
    lost = {(one.node, one.number) for one in acknowledged} - rows(early, after, run)
    assert not lost, sorted(lost)[:10]
    late = [one for one in acknowledged if one.node == after and one.at > undone]
    assert late, f"{after} leads and acknowledges nothing"
    if fault.early:
        assert after != leader
        assert late[-1].timeline > acknowledged[0].timeline
    gap = max((later.at - sooner.at for sooner, later in pairwise(acknowledged)), default=0.0)
    told = f"{fault.name}: {leader} -> {after}, {len(acknowledged)} acknowledged, longest gap {gap:.1f} s"
    sys.stdout.write(f"{told}\n")


def test_every_acceptance_check_passes(early: Stack) -> None:
    early.command("verify", str(early.folder))
