"""The edge beside nginx and Varnish as they come, and the generated gunicorn beside a plain deployment.

python -m bench.edge --rounds 5 --json edge.json

All is measured in one run on one machine, in turns; the figures that count are ratios. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from rich.console import Console

from bench import rigs, usage
from bench.figures import (
    BARE,
    BARE_TLS,
    CACHED,
    DIRECT,
    GEVENT,
    NGINX,
    OWN,
    PLAIN,
    PLAIN_PRODUCT,
    PRODUCT,
    SYNC,
    TLS,
    UNCACHED,
    Measured,
    facts,
    goals,
    table,
)
from bench.load import Load, from_h2load, from_wrk, paced, wrk
from bench.process import Failed, end_orderly
from bench.report import Goal, Report, rotated
from bench.rigs import PAGE, Machine
from bench.stack import Stack, fresh
from massive_deploy.errors import MassiveDeployError

STACK = """
summary: The edge and one app host by themselves, all the rest on a third.
hosts:
  edge: {parts: [edge], count: 1}
  app: {parts: [app], count: 1}
  rest: {parts: [database, memcached, redis, monitor], count: 1}
quorum: [rest]
"""
TOPOLOGY = """
name: {name}
stack: bench-edge
target: docker
docker: {DOCKER}
app_servers: 1
replicas: 0
app: {source: "{source}", settings: shop.settings, health: /-/health}
roles:
  nginx: {NGINX}
"""
# The load comes from one address.
OPEN = "{}"
WITH_TLS = "{tls: own}"
CONNECTIONS = 64
WAIT = "/wait/?ms=50"
RENDER, TTL = 500, 2


@dataclass(frozen=True, slots=True)
class Target:
    """Something that is asked: from which host, where, over how many connections."""

    name: str
    host: str
    url: str
    connections: int = CONNECTIONS


class Bench:
    """The hosts of one stack, and all that was measured there."""

    def __init__(self, stack: Stack, report: Report, series: dict[str, Measured], seconds: int) -> None:
        layout = stack.opened().layout
        self.machines = {host.name: Machine(layout.name, host.name, host.address) for host in layout.hosts}
        self.report, self.seconds = report, seconds
        self.series = series

    def snapshots(self) -> Mapping[str, usage.Snapshot]:
        """Of every host."""
        return {name: usage.read(machine.run(usage.SNAPSHOT)) for name, machine in self.machines.items()}

    def run(self, name: str, host: str, line: str, understood: Callable[[str], Load]) -> Load:
        """One run, kept under a name."""
        before = self.snapshots()
        load = understood(self.machines[host].run(line))
        used = usage.between(before, self.snapshots(), host)
        series = self.series.setdefault(name, Measured())
        series.loads.append(load)
        series.usages.append(used)
        self.report.add(f"{name} (requests/s)", load.rate)
        if load.failed:
            print(f"    {load.failed} of {load.requests} failed", flush=True)  # noqa: T201
        return load

    def rounds(self, targets: Sequence[Target], rounds: int) -> None:
        """Each target once a round, in another order each time."""
        by_name = {target.name: target for target in targets}
        for number in range(rounds):
            for name in rotated(list(by_name), number):
                one = by_name[name]
                self.run(name, one.host, wrk(one.url, one.connections, self.seconds), from_wrk)

    def answers(self, target: Target, wanted: str = "") -> None:
        """Warm it up; refuse what does not answer with 200, or lacks a header line that begins so (second request).

        Raises:
            Failed: it does not; quotes the answer.
        """
        asked = f"curl -sSk --max-time 20 -o /dev/null -D- '{target.url}'"
        said = self.machines[target.host].run(f"{asked} >/dev/null; {asked}")
        if " 200" not in said.splitlines()[0] or (wanted and f"\n{wanted}" not in said.lower()):
            raise Failed(f"{target.name}: {target.url} answers\n{said}")
        self.machines[target.host].run(wrk(target.url, target.connections, 2))

    def at_half(self, target: Target, rounds: int) -> None:
        """Latency at half of what the target had at its peak."""
        half = statistics.median(self.series[target.name].rates()) / 2
        for _ in range(rounds):
            line = paced(target.url, target.connections, self.seconds, half)
            load = self.run(f"{target.name}, half", target.host, line, lambda out: from_h2load(out, self.seconds))
            if load.rate < 0.9 * half:
                self.report.note(f"{target.name}, half: reached", f"{load.rate:.0f} of {half:.0f} requests/s")


def describe(stack: Stack, nginx: str, image: str) -> None:
    """The topology, with these settings of nginx."""
    file = stack.folder / "stacks/bench-edge.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(STACK, encoding="utf-8")
    docker = json.dumps({"image": image} if image else {})
    stack.write(TOPOLOGY.replace("{DOCKER}", docker).replace("{NGINX}", nginx))


def targets(app: str, product: str) -> dict[str, Target]:
    """Everything that is asked, by name; `app` is the app host's address and `product` a product's path."""
    here = "http://127.0.0.1"
    listed = (
        Target(NGINX, "edge-1", f"{here}:{rigs.STATIC}{PAGE}"),
        Target(BARE, "edge-1", f"{here}:{rigs.VARNISH}{PAGE}"),
        Target(BARE_TLS, "edge-1", f"{here}:{rigs.VARNISH}{PAGE}"),
        Target(OWN, "edge-1", f"{here}:6081{PAGE}"),
        Target(CACHED, "edge-1", f"{here}{PAGE}"),
        Target(TLS, "edge-1", f"https://127.0.0.1{PAGE}"),
        Target(PLAIN, "app-1", f"{here}:{rigs.PLAIN}{PAGE}"),
        Target(PRODUCT, "edge-1", f"{here}{product}"),
        Target(PLAIN_PRODUCT, "app-1", f"{here}:{rigs.PLAIN}{product}"),
        Target(GEVENT, "app-1", f"http://{app}:8000{WAIT}", 200),
        Target(SYNC, "app-1", f"{here}:{rigs.SYNC}{WAIT}", 200),
        Target(DIRECT, "app-1", f"{here}:{rigs.PLAIN}{WAIT}", 200),
        Target(UNCACHED, "edge-1", f"{here}{WAIT}", 200),
    )
    return {target.name: target for target in listed}


def herd(bench: Bench, rounds: int) -> None:
    """Fifty connections on one page that takes half a second to make and is kept for two; it was made once before."""
    edge = bench.machines["edge-1"]
    for number in range(rounds):
        url = f"http://127.0.0.1/slow/?ms={RENDER}&bench={number}"
        edge.run(f"curl -fsS -o /dev/null '{url}'")
        before, start = renders(edge), time.monotonic()
        load = bench.run("herd", "edge-1", wrk(url, 50, bench.seconds), from_wrk)
        made, took = renders(edge) - before, time.monotonic() - start
        bench.report.goals.append(Goal(f"herd {number + 1}: renders in {took:.1f} s", made, took // TTL + 1))
        if load.failed:
            raise Failed(f"herd: {load.failed} of {load.requests} requests failed")


def renders(edge: Machine) -> int:
    """How often the slow page was made until now."""
    said = edge.run("curl -fsS http://127.0.0.1/slow/count/")
    digits = "".join(char for char in said if char.isdigit())
    if not digits:
        raise Failed(f"/slow/count/ answers {said[:200]!r}")
    return int(digits)


def measure(stack: Stack, arguments: argparse.Namespace, report: Report, series: dict[str, Measured]) -> None:
    """Everything, first without TLS, then with it."""
    stack.command("up")
    bench = Bench(stack, report, series, arguments.seconds)
    edge, app = bench.machines["edge-1"], bench.machines["app-1"]
    known = targets(
        app.address, edge.run("curl -fsS http://127.0.0.1/ | grep -o -m 1 '/p/[a-z0-9-]*/' | head -n 1").strip()
    )
    for machine in (edge, app):
        rigs.install(machine)
    rigs.beside_the_edge(edge)
    rigs.beside_the_app(app, bench.machines["rest-1"].address, stack.opened().layout.database)
    bench.answers(known[CACHED], "x-cache: hit")
    for name in (NGINX, BARE, OWN, PLAIN, PRODUCT, PLAIN_PRODUCT, GEVENT, SYNC, DIRECT, UNCACHED):
        bench.answers(known[name])
    bench.rounds([known[name] for name in (NGINX, BARE, OWN, CACHED, PLAIN)], arguments.rounds)
    bench.rounds([known[name] for name in (PRODUCT, PLAIN_PRODUCT)], arguments.rounds)
    bench.at_half(known[CACHED], 3)
    bench.rounds([known[name] for name in (GEVENT, SYNC, DIRECT, UNCACHED)], arguments.rounds)
    herd(bench, 2)
    if arguments.tls:
        describe(stack, WITH_TLS, arguments.image)
        stack.command("up")
        bench.answers(known[TLS], "x-cache: hit")
        bench.rounds([known[name] for name in (BARE_TLS, TLS)], arguments.rounds)
        bench.at_half(known[TLS], 3)


def main() -> int:
    """Exit codes: 0 every goal met, 1 some missed, 2 the benchmark itself failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.edge", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6, help="of each run")
    parser.add_argument("--tls", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--image", default="", help="image of the hosts, if not plain Debian")
    parser.add_argument("--name", default="md-bench-edge", help="name of the inventory, its containers and network")
    parser.add_argument("--scratch", type=Path, default=Path(gettempdir()) / "massive-deploy-bench-edge")
    parser.add_argument("--json", type=Path, default=Path("bench-edge.json"))
    arguments = parser.parse_args()
    end_orderly()
    report, series = Report("Edge"), dict[str, Measured]()
    try:
        with fresh(arguments.scratch, arguments.name, lambda stack: describe(stack, OPEN, arguments.image)) as stack:
            measure(stack, arguments, report, series)
    except (Failed, MassiveDeployError) as error:
        print(f"failed: {error}", file=sys.stderr)  # noqa: T201
        report.note("failed", str(error)[:500])
        return 2
    finally:
        report.goals += goals(series)
        report.facts |= facts(series)
        met = report.finish(arguments.json)
        Console(width=max(190, Console().width)).print(table(series))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
