"""First run of the demo stack and runs with nothing to do: plain shell, Ansible, massive-deploy.

python -m bench.first_run --repeats 3 --json bench.json
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

from bench import shell
from bench.playbook import Playbook, install
from bench.process import Failed, end_orderly
from bench.report import Goal, Report, rotated
from bench.stack import ROOT, Stack, fresh, idle, leftovers, serves
from massive_deploy.errors import MassiveDeployError
from massive_deploy.paths import cache_dir

METHODS = ("shell", "ansible", "up")
TWELVE = """
name: {name}
stack: massive
target: docker
edge_servers: 2
app_servers: 4
replicas: 2
cache: {memcached: 2}
app: {source: "{source}", settings: shop.settings, wsgi: shop.wsgi, worker: shop, health: /-/health}
"""


def demo(stack: Stack) -> None:
    """The demo's own topology under another name."""
    text = (ROOT / "inventories/demo/topology.yaml").read_text(encoding="utf-8")
    stack.write(text.replace("name: demo", f"name: {stack.name}").replace("../../examples/shop", "{source}"))


def first_run(method: str, stack: Stack, ansible: Playbook, report: Report) -> None:
    """Time one method on new machines; afterwards the stack must serve and a plan find nothing but bookkeeping."""
    prepared = stack.prepare()
    reach = stack.machines()
    if method == "shell":
        todo = shell.stages(prepared)
        with shell.Shell(reach) as ssh:
            start = time.monotonic()
            ssh.run(todo)
            seconds = time.monotonic() - start
    elif method == "ansible":
        ansible.write(prepared, reach)
        seconds = ansible.run("first.log").ran.seconds
    else:
        ran = stack.command("up")
        seconds = ran.seconds
        report.note("up, peak MiB", round(ran.peak_mib))
    report.add(f"first run, {method}", seconds)
    serves(stack)
    report.note(f"plan after {method} finds", leftovers(stack))


def nothing_to_do(stack: Stack, ansible: Playbook, report: Report, repeats: int) -> None:
    """Both on the same converged hosts, in turns. Ansible has had one run there, which must have changed nothing."""
    ansible.write(stack.prepare(), stack.machines())
    report.note("Ansible changed on hosts that up made", str(ansible.run("converge.log")))
    stack.command("up")
    for repeat in range(repeats):
        for method in rotated(("ansible", "up"), repeat):
            if method == "up":
                ran = stack.command("up")
                seconds, changed = ran.seconds, not idle(ran)
            else:
                recap = ansible.run(f"noop-{repeat}.log")
                seconds, changed = recap.ran.seconds, recap.changed > 0
            if changed:
                raise Failed(f"{method} changed something on converged hosts")
            report.add(f"nothing to do, {method}", seconds)
    report.note("plan in the end finds", leftovers(stack))


def twelve(scratch: Path, name: str, report: Report, repeats: int) -> None:
    """Nothing to do on twelve hosts with all roles."""
    with fresh(scratch, name, lambda made: made.write(TWELVE)) as stack:
        stack.prepare()
        stack.machines()
        report.add("first run of 12 hosts, up", stack.command("up").seconds)
        serves(stack)
        for _ in range(repeats):
            ran = stack.command("up")
            if not idle(ran):
                raise Failed("up changed something on converged hosts")
            report.add("nothing to do on 12 hosts, up", ran.seconds)


def goals(report: Report) -> Iterator[Goal]:
    """The figures that were measured against their bounds."""
    have = report.times
    if {"first run, shell", "first run, up"} <= have.keys():
        ratio = report.median("first run, up") / report.median("first run, shell")
        yield Goal("first run: massive-deploy / plain shell", ratio, 1.25)
    if {"first run, ansible", "first run, up"} <= have.keys():
        ratio = report.median("first run, ansible") / report.median("first run, up")
        yield Goal("first run: Ansible / massive-deploy", ratio, 1.5, at_most=False)
    if "nothing to do, up" in have:
        ratio = report.median("nothing to do, up") / report.median("nothing to do, ansible")
        yield Goal("nothing to do: massive-deploy / Ansible", ratio, 0.1)
    if "nothing to do on 12 hosts, up" in have:
        yield Goal("nothing to do on 12 hosts", report.median("nothing to do on 12 hosts, up"), 5, unit=" s")


@contextmanager
def playbook(scratch: Path, report: Report) -> Iterator[Playbook]:
    """The Ansible baseline, installed."""
    commands, version = install(cache_dir() / "bench/ansible")
    report.note("ansible-core", version)
    made = Playbook(commands, scratch / "ansible")
    try:
        yield made
    finally:
        made.close()


def measure(arguments: argparse.Namespace, report: Report) -> None:
    """Everything that was asked for."""
    scratch: Path = arguments.scratch
    with playbook(scratch, report) as ansible:
        for repeat in range(arguments.repeats):
            for method in rotated(arguments.methods, repeat):
                print(f"first run {repeat + 1}/{arguments.repeats}: {method}", flush=True)  # noqa: T201
                with fresh(scratch / "stack", arguments.name, demo) as stack:
                    first_run(method, stack, ansible, report)
                    if arguments.noop and method == "up" and repeat == arguments.repeats - 1:
                        nothing_to_do(stack, ansible, report, max(3, arguments.repeats))
    if arguments.twelve:
        twelve(scratch / "stack", f"{arguments.name}-12", report, max(3, arguments.repeats))


def main() -> int:
    """Exit codes: 0 every goal met, 1 some missed, 2 the benchmark itself failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.first_run", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--methods", type=lambda text: text.split(","), default=list(METHODS), help="comma separated")
    parser.add_argument("--name", default="md-bench", help="name of the inventory, its containers and network")
    parser.add_argument("--scratch", type=Path, default=Path(gettempdir()) / "massive-deploy-bench")
    parser.add_argument("--json", type=Path, default=Path("bench-first-run.json"))
    parser.add_argument("--noop", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--twelve", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    end_orderly()
    report = Report("First run, and nothing to do")
    try:
        measure(arguments, report)
    except (Failed, MassiveDeployError) as error:
        print(f"failed: {error}", file=sys.stderr)  # noqa: T201
        report.note("failed", str(error)[:500])
        return 2
    finally:
        report.goals += goals(report)
        met = report.finish(arguments.json)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
