# Managed by massive-deploy: edits are overwritten by the next up.
"""Keeps one pgPool-II in line with Patroni and with the replicas' fitness for reads. Standard library only.

Nodes are known by their index in the configuration, which is pgPool's node id.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

ROUND = 1.0
MISSES = 2
"""Rounds in a row without an answer from /reads after which a node is not fit; one may get lost."""
LOOK = 3.0
"""Seconds between looks at pgPool: each makes it connect to every node."""
ASK = 5.0
"""Seconds between questions over a session of its own."""
AGAIN = 5.0
"""Seconds after which an order that had no effect is given again: pgPool obeys none while it looks for a leader."""
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
LEADING = ("leader", "primary", "master")
GRACE = 10.0
"""Seconds a new pgPool gets to find its nodes."""

log = logging.getLogger("pgpool-keeper")


@dataclass(frozen=True)
class Nodes:
    """What the nodes say: who leads (None when none or several claim it), and which replicas may serve reads."""

    leader: int | None
    fit: frozenset[int]


@dataclass(frozen=True)
class Pool:
    """What pgPool thinks: the nodes it uses, and which of them takes writes."""

    attached: frozenset[int]
    primary: int | None


def orders(nodes: Nodes, pool: Pool, count: int) -> list[tuple[str, int]]:
    """What pgPool must be told now, in order: ("attach" or "detach", node).

    Nothing without a leader: pgPool looks for the new one among the nodes it has, so it must keep them all. As long as
    it follows another node than the leader, the leader is all it gets.
    """
    if nodes.leader is None:
        return []
    if nodes.leader not in pool.attached:
        return [("attach", nodes.leader)]
    if pool.primary != nodes.leader:
        return []
    replicas = [node for node in range(count) if node != nodes.leader]
    away = [("attach", node) for node in replicas if node in nodes.fit and node not in pool.attached]
    return away + [("detach", node) for node in replicas if node in pool.attached and node not in nodes.fit]


@dataclass
class Watch:
    """Since when pgPool has been wrong or silent. Times are seconds of a monotonic clock."""

    wrong_seconds: float
    hang_seconds: float
    started: float
    wrong_since: float | None = None
    silent_since: float | None = None

    def see(self, now: float, leader: int | None, pool: Pool | None) -> None:
        """Take note of one round. `pool` is None when pgPool did not say."""
        if leader is None or (pool is not None and pool.primary == leader and leader in pool.attached):
            self.wrong_since = None
        elif pool is not None and self.wrong_since is None:
            self.wrong_since = now

    def hear(self, now: float, leader: int | None, *, answered: bool) -> None:
        """Take note of whether a question asked then was answered. Without a leader no answer is owed."""
        if answered or leader is None:
            self.silent_since = None
        elif self.silent_since is None:
            self.silent_since = now

    def verdict(self, now: float) -> str:
        """Why pgPool must be started anew; empty when it need not be."""
        if now - self.started < GRACE:
            return ""
        if self.wrong_since is not None and now - self.wrong_since >= self.wrong_seconds:
            return f"it has not followed the leader for {now - self.wrong_since:.0f} s"
        if self.silent_since is not None and now - self.silent_since >= self.hang_seconds:
            return f"it has not answered for {now - self.silent_since:.0f} s"
        return ""

    def restarted(self, now: float) -> None:
        """Begin again."""
        self.started, self.wrong_since, self.silent_since = now, None, None


def pool_of(text: str) -> Pool | None:
    """The pool from what `pcp_node_info -a` prints: a line for each node, in order; None when it says something else.

    The third word is 1 or 2 for a node in use, the seventh the part pgPool has it play.
    """
    rows = [line.split() for line in text.splitlines() if line.strip()]
    if not rows or any(len(row) < 8 or not row[2].isdigit() for row in rows):
        return None
    attached = frozenset(node for node, row in enumerate(rows) if row[2] in {"1", "2"})
    primary = [node for node, row in enumerate(rows) if row[6] == "primary"]
    return Pool(attached, primary[0] if len(primary) == 1 else None)


def leads(status: int, body: Mapping[str, Any]) -> bool:
    """Whether Patroni's /primary says that the node takes writes: 200 alone may be one that is still being promoted."""
    return status == 200 and body.get("role") in LEADING


def leader_of(claims: Sequence[bool]) -> int | None:
    """The one node that claims to lead; None when none or several do."""
    found = [node for node, claim in enumerate(claims) if claim]
    return found[0] if len(found) == 1 else None


@dataclass
class Fitness:
    """Which nodes may serve reads, from answers of /reads; tells the log when that changes."""

    names: Sequence[str]
    missed: dict[int, int] = field(default_factory=dict)
    last: dict[int, tuple[bool, str]] = field(default_factory=dict)

    def see(self, node: int, answer: tuple[int, Mapping[str, Any]] | None) -> bool:
        """Whether the node is fit after this answer, or after none."""
        if answer is None:
            self.missed[node] = self.missed.get(node, 0) + 1
            if self.missed[node] < MISSES and node in self.last:
                return self.last[node][0]
            return self._is(node, fit=False, why="no answer")
        self.missed[node] = 0
        status, body = answer
        if body.get("role") in LEADING:
            self.last.pop(node, None)
            return False
        return self._is(node, fit=status == 200, why=str(body.get("why", "")) if status != 200 else "")

    def _is(self, node: int, *, fit: bool, why: str) -> bool:
        # Words may hold a number that changes every second: only the verdict, and silence, are told anew.
        kind = (fit, "no answer" if why == "no answer" else "")
        if self.last.get(node) != kind:
            verdict = "fit for reads" if fit else "not fit for reads"
            log.info("%s is %s%s", self.names[node], verdict, f": {why}" if why else "")
        self.last[node] = kind
        return fit


def ask(address: str, port: int, path: str) -> tuple[int, Mapping[str, Any]] | None:
    """Status and JSON body of a GET; None when there is no such answer within a second."""
    connection = HTTPConnection(address, port, timeout=1)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = json.loads(answer.read(65536))
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return (answer.status, body) if isinstance(body, dict) else None


def run(line: Sequence[str], seconds: float, **environment: str) -> str | None:
    """What a command printed; None when it failed or took too long."""
    words = {"PATH": PATH, **environment}
    try:
        done = subprocess.run(line, capture_output=True, text=True, env=words, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


class Keeper:
    """One pgPool and the nodes behind it, by the configuration file's values."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = told
        self.names = [str(node["name"]) for node in told["nodes"]]
        self.addresses = [str(node["address"]) for node in told["nodes"]]
        self.fitness = Fitness(self.names)
        self.threads = ThreadPoolExecutor(2 * len(self.names) + 1)
        now = time.monotonic()
        self.watch = Watch(float(told["wrong_seconds"]), float(told["hang_seconds"]), now)
        self.pool: Pool | None = None
        self.logged: Pool | None = None
        self.looked = self.asked = 0.0
        self.answer: Future[bool] | None = None
        self.leader: int | None = None
        self.given: dict[tuple[str, int], float] = {}

    def nodes(self) -> Nodes:
        """Ask all nodes at once."""
        reads = [self.threads.submit(ask, one, int(self.told["reads"]), "/reads") for one in self.addresses]
        rest = [self.threads.submit(ask, one, int(self.told["rest"]), "/primary") for one in self.addresses]
        claims = [answer is not None and leads(*answer) for answer in (one.result() for one in rest)]
        fit = [self.fitness.see(node, one.result()) for node, one in enumerate(reads)]
        return Nodes(leader_of(claims), frozenset(node for node, yes in enumerate(fit) if yes))

    def look(self) -> Pool | None:
        """What pgPool thinks."""
        text = run(["pcp_node_info", *self.told["pcp"], "-a"], 10, PCPPASSFILE=str(self.told["pcp_password"]))
        return pool_of(text) if text is not None else None

    def told_pool(self) -> None:
        """Tell the log which nodes pgPool uses, when that has changed."""
        if self.pool is None or self.pool == self.logged:
            return
        self.logged = self.pool
        used = ", ".join(self.names[node] for node in sorted(self.pool.attached)) or "no node"
        leader = "unknown" if self.pool.primary is None else self.names[self.pool.primary]
        log.info("pgPool uses %s; takes for the leader: %s", used, leader)

    def order(self, verb: str, node: int) -> None:
        """Attach or detach a node."""
        line = [f"pcp_{verb}_node", *self.told["pcp"], "-n", str(node)]
        done = run(line, 10, PCPPASSFILE=str(self.told["pcp_password"])) is not None
        log.info("%s %s%s", verb, self.names[node], "" if done else ": not done")

    def answers(self) -> bool:
        """Whether a new session gets an answer."""
        line = ["psql", "-XAtq", *self.told["psql"], "-c", "SHOW POOL_NODES"]
        return run(line, 10, PGPASSFILE=str(self.told["psql_password"]), PGCONNECT_TIMEOUT="8") is not None

    def question(self, leader: int | None) -> None:
        """Ask over a session now and then, beside the rounds: the answer of a pooler that hangs takes its time."""
        if self.answer is not None and self.answer.done():
            self.watch.hear(self.asked, leader, answered=self.answer.result())
            self.answer = None
        if self.answer is None and time.monotonic() - self.asked >= ASK:
            self.asked = time.monotonic()
            self.answer = self.threads.submit(self.answers)

    def restart(self, why: str) -> None:
        """End pgPool; systemd starts it again a second later, with all nodes in use and the leader looked for anew."""
        log.warning("pgPool is started anew: %s", why)
        pid = read_pid(Path(self.told["pid_file"]))
        if pid is not None:
            end(pid, 5)
        self.watch.restarted(time.monotonic())
        self.pool = self.answer = None
        self.given = {}

    def round(self) -> None:
        """Look at everything once, and do what follows from it."""
        nodes = self.nodes()
        now = time.monotonic()
        if self.pool is None or now - self.looked >= LOOK or nodes.leader != self.leader:
            self.pool, self.looked = self.look(), now
        if nodes.leader != self.leader:
            log.info("the leader is %s", "unknown" if nodes.leader is None else self.names[nodes.leader])
        self.leader = nodes.leader
        if self.pool is not None:
            todo = orders(nodes, self.pool, len(self.names))
            self.given = {one: when for one, when in self.given.items() if one in todo and now - when < AGAIN}
            for verb, node in [one for one in todo if one not in self.given]:
                self.order(verb, node)
                self.given[verb, node] = now
            if todo:
                self.pool, self.looked = self.look(), time.monotonic()
        self.told_pool()
        self.watch.see(time.monotonic(), nodes.leader, self.pool)
        self.question(nodes.leader)
        if why := self.watch.verdict(time.monotonic()):
            self.restart(why)


def read_pid(path: Path) -> int | None:
    """The process id in pgPool's file, which ends with a zero byte; None when there is none."""
    try:
        text = path.read_text(encoding="ascii").strip("\0 \n")
    except OSError:
        return None
    return int(text) if text.isdigit() and int(text) > 1 else None


def end(pid: int, seconds: float, kill: Callable[[int, int], None] = os.kill) -> None:
    """End a process: by SIGINT, and by SIGKILL when it is still there after some seconds."""
    deadline = time.monotonic() + seconds
    try:
        kill(pid, signal.SIGINT)
        while time.monotonic() < deadline:
            time.sleep(0.1)
            kill(pid, 0)
        kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def main(words: Sequence[str]) -> None:
    """Rounds without end."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    keeper = Keeper(json.loads(Path(words[0]).read_text(encoding="utf-8")))
    while True:
        begun = time.monotonic()
        keeper.round()
        time.sleep(max(0.1, ROUND - (time.monotonic() - begun)))


if __name__ == "__main__":
    main(sys.argv[1:])
