"""How long the database tier is away after each fault, beside the same stack with Patroni's own default timing.

    python -m bench.failover --faults leader-crash,switchover --repeats 10 --resume failover.jsonl

Every measurement is a drill as users run it. With --resume, what the file already holds is not measured again.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from bench.process import Failed, end_orderly
from bench.report import Goal, Report, rotated
from bench.stack import Stack, fresh
from massive_deploy.errors import MassiveDeployError
from massive_deploy.operate.drills.faults import FAULTS
from massive_deploy.operate.observe import session
from massive_deploy.operate.patroni import Patroni
from massive_deploy.secrets import Secrets
from massive_deploy.topology.model import Reads

STACK = """
summary: Everything on one host, the database cluster on hosts of its own.
hosts:
  rest: {parts: [edge, app, memcached, redis, monitor], count: 1}
  db: {parts: [database], count: databases}
quorum: [db]
"""
TOPOLOGY = """
name: {name}
stack: one-cluster
target: docker
app_servers: 1
replicas: 2
drills: allowed
failover: {speed: fast, synchronous: quorum, early: EARLY}
app: {source: "{source}", settings: shop.settings, health: /-/health}
"""
OURS, DEFAULTS = "massive-deploy", "Patroni's defaults"
PATRONI: Mapping[str, Any] = {"ttl": 30, "loop_wait": 10, "retry_timeout": 10, "primary_start_timeout": 300}
TIMED = ("leader-crash", "leader-power-off", "partition", "switchover")
"""Faults after which Patroni's timing tells: measured with its defaults, too."""
WANTED = (
    *TIMED,
    *("leader-frozen", "leader-deaf", "leader-mute", "etcd-member-loss", "etcd-loss"),
    *("replica-loss", "replica-cut", "replica-slow"),
)
BOUNDS = {"leader-crash": 5.0, "leader-power-off": 25.0, "switchover": 2.0}
"""Goals for the median time without a write, in seconds."""
READS_MAX_AGE = Reads.model_fields["max_age"].default
"""The stack's limit for reads from a replica, in seconds."""
Row = dict[str, Any]


def describe(stack: Stack, early: bool) -> None:
    """Three database nodes, and one host for everything else."""
    file = stack.folder / "stacks/one-cluster.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(STACK, encoding="utf-8")
    stack.write(TOPOLOGY.replace("EARLY", str(early).lower()))


def measured(file: Path | None) -> list[Row]:
    """What an earlier run has measured; a last line that was cut off is left out."""
    rows: list[Row] = []
    if file is not None and file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    return rows


def missing(rows: Sequence[Row], faults: Sequence[str], repeats: int, baseline: int) -> Iterator[tuple[str, int, str]]:
    """(timing, repeat, fault) of what is not measured yet; the faults in another order each time.

    `baseline`: in how many of the repeats Patroni's defaults are measured beside ours.
    """
    done = {(row["timing"], row["repeat"], row["fault"]) for row in rows}
    for repeat in range(repeats):
        for timing in rotated([OURS, DEFAULTS], repeat):
            for fault in rotated(faults, repeat):
                beside = timing == OURS or (repeat < baseline and fault in TIMED)
                if beside and (timing, repeat, fault) not in done:
                    yield timing, repeat, fault


@contextmanager
def timing(stack: Stack, name: str) -> Iterator[None]:
    """The cluster with this timing for the time of the block.

    Raises:
        Failed: nobody leads, or Patroni does not take the values.
    """
    if name == OURS:
        yield
        return
    before = _set(stack, PATRONI)
    try:
        yield
    finally:
        _set(stack, before)


def _set(stack: Stack, values: Mapping[str, Any]) -> Mapping[str, Any]:
    opened = stack.opened()
    with session(opened) as live:
        patroni = Patroni(live.fleet, opened.layout, Secrets(opened.folder))
        leader = patroni.leader(host.name for host in opened.layout.clusters[0].hosts)
        before = patroni.configuration(leader) if leader else {}
        if not before:
            raise Failed("no node leads the cluster")
        output = patroni.order(leader, "config", values, method="PATCH")
        if not output.ok:
            raise Failed(f"Patroni does not take {values}: {output.cause}")
    return {key: before.get(key) for key in values}


def one(stack: Stack, fault: str) -> Row:
    """One drill's result; what is not safe or not well again is a result, too."""
    ran = stack.command("drill", fault, "--json", codes=(0, 1))
    # Its words for people come first.
    start = ran.output.find("\n{\n")
    if start < 0:
        raise Failed(f"drill {fault}: {ran.output[-2000:]}")
    found: Row = json.JSONDecoder().raw_decode(ran.output[start + 1 :])[0]
    return found


def series(rows: Sequence[Row], timing: str, fault: str, key: str = "write_gap") -> list[float]:
    """One figure of all drills with that fault and timing, in order; infinite where there was no end to it."""
    return [
        math.inf if row[key] is None else row[key] for row in rows if row["timing"] == timing and row["fault"] == fault
    ]


def table(rows: Sequence[Row], faults: Sequence[str]) -> str:
    """Median and maximum time without a write, ours and with the defaults, and their ratio."""
    lines = [f"{'time without a write (s)':<26} {'median':>8} {'max':>8} {'defaults':>10} {'max':>8} {'ratio':>7}"]
    for fault in faults:
        ours, theirs = series(rows, OURS, fault), series(rows, DEFAULTS, fault)
        if ours:
            line = f"{fault:<26} {statistics.median(ours):8.2f} {max(ours):8.2f}"
            if theirs:
                ratio = statistics.median(theirs) / max(statistics.median(ours), 0.001)
                line += f" {statistics.median(theirs):10.2f} {max(theirs):8.2f} {ratio:6.1f}x"
            lines.append(line)
    return "\n".join(lines)


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Bounds for our own timing; what may never be, for all drills."""
    found = [
        Goal(f"{fault}: median time without a write", statistics.median(values), bound, unit=" s")
        for fault, bound in BOUNDS.items()
        if (values := series(rows, OURS, fault))
    ]
    if failed := series(rows, OURS, "switchover", "failed_requests"):
        found.append(Goal("switchover: failed requests of the site", sum(failed), 0))
    if failed := series(rows, OURS, "etcd-loss", "failed_writes"):
        found.append(Goal("etcd-loss: failed writes", sum(failed), 0))
    if rows:
        oldest = max(row["oldest_read"] for row in rows)
        found.append(Goal("oldest read from a replica, all drills", oldest, READS_MAX_AGE, unit=" s"))
        found.append(Goal("acknowledged writes lost, all drills", sum(row["lost"] for row in rows), 0))
        found.append(Goal("drills with two leaders", sum(bool(row["two_leaders"]) for row in rows), 0))
        found.append(Goal("drills that were not well again", sum(row["recovery"] is None for row in rows), 0))
    return found


def measure(stack: Stack, todo: Sequence[tuple[str, int, str]], rows: list[Row], resume: Path | None) -> None:
    """All that is missing, each kept at once."""
    for name, repeat, fault in todo:
        with timing(stack, name):
            row = {"timing": name, "repeat": repeat, **one(stack, fault)}
        rows.append(row)
        if resume is not None:
            with resume.open("a", encoding="utf-8") as handle:
                handle.write(json.dumps(row) + "\n")
        print(f"  {fault}, {name}: {row['write_gap']} s without a write, {row['lost']} lost", flush=True)  # noqa: T201
        if row["recovery"] is None:
            raise Failed(f"after {fault} the stack is not well: {row['problem']}")


def main() -> int:
    """Exit codes: 0 every goal met, 1 some missed, 2 the benchmark itself failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.failover", description=__doc__)
    parser.add_argument("--faults", type=lambda text: text.split(","), default=list(WANTED))
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--baseline-repeats", type=int, default=3, help="with Patroni's defaults, too")
    parser.add_argument("--resume", type=Path, help="file of what is measured; added to")
    parser.add_argument("--early", action="store_true", help="with `failover: {early: true}`")
    parser.add_argument("--name", default="md-bench-failover", help="name of the inventory and its containers")
    parser.add_argument("--scratch", type=Path, default=Path(gettempdir()) / "massive-deploy-bench-failover")
    parser.add_argument("--json", type=Path, default=Path("bench-failover.json"))
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.faults) - set(FAULTS)):
        parser.error(f"no such fault: {', '.join(unknown)}")
    end_orderly()
    report, rows = Report("Failover"), measured(arguments.resume)
    todo = list(missing(rows, arguments.faults, arguments.repeats, arguments.baseline_repeats))
    try:
        if todo:
            with fresh(arguments.scratch, arguments.name, lambda stack: describe(stack, arguments.early)) as stack:
                stack.command("up")
                measure(stack, todo, rows, arguments.resume)
    except (Failed, MassiveDeployError) as error:
        print(f"failed: {error}", file=sys.stderr)  # noqa: T201
        report.note("failed", str(error)[:500])
        return 2
    finally:
        for name in (OURS, DEFAULTS):
            report.times |= {f"{fault}, {name}": found for fault in FAULTS if (found := series(rows, name, fault))}
        report.goals += goals(rows)
        met = report.finish(arguments.json)
        print(f"\n{table(rows, arguments.faults)}", flush=True)  # noqa: T201
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
