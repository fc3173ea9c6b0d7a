"""How the time of a run and the controller's memory grow with the number of hosts, at equal roles.

    python -m bench.growth --hosts 6,12,50,100 --json growth.json

The hosts are light: base, firewall, node_exporter and memcached. They are grown in one inventory, from the smallest
number on.
With --image they are made from that image: one that holds the packages spares the time to install them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import gettempdir

from bench.first_run import playbook
from bench.playbook import Playbook
from bench.process import Failed, end_orderly
from bench.report import Goal, Report
from bench.stack import ROOT, Stack, fresh, idle, leftovers
from massive_deploy.errors import MassiveDeployError

# memcached is placed by its own part here: `cache.memcached`, which the shipped stacks count by, ends at 64.
STACK = """
summary: Many light hosts; the rest is only described, and not made.
hosts:
  rest: {parts: [edge, app, database, redis, monitor], count: 1}
  node: {parts: [node], count: %d}
quorum: [rest]
defaults: {app_servers: 1, replicas: 0, cache: {memcached: 0}}
"""
TOPOLOGY = """
name: {name}
stack: nodes
target: docker
docker: {memory: 2GiB%s}
app: {source: "{source}", settings: shop.settings}
roles: {memcached: {memory: %d}}
"""
ROLES = ["base", "firewall", "hardening", "journal_upload", "memcached", "node_exporter"]
ONLY = ("--hosts", "node-*")
MEMORY_MIB = (64, 65)
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
PER_HOST = 12


def project(stack: Stack, image: str) -> None:
    """A project whose memcached role stands on the part `node`; otherwise it is the shipped one."""
    shipped = ROOT / "roles/memcached"
    own = stack.folder / "roles/memcached"
    shutil.copytree(shipped, own, ignore=shutil.ignore_patterns("__pycache__"))
    text = (shipped / "__init__.py").read_text(encoding="utf-8")
    for old, new in (
        ('PLACED_ON = ("memcached",)', 'PLACED_ON = ("node",)'),
        ("return topology.cache.memcached > 0", "return bool(topology)"),
    ):
        if old not in text:
            raise Failed(f"roles/memcached/__init__.py has no line {old}")
        text = text.replace(old, new)
    (own / "__init__.py").write_text(text, encoding="utf-8")
    topology(stack, 1, MEMORY_MIB[0], image)


def topology(stack: Stack, hosts: int, memory: int, image: str) -> None:
    """Set the number of hosts and the one setting that is changed on all of them."""
    file = stack.folder / "stacks/nodes.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(STACK % hosts, encoding="utf-8")
    stack.write(TOPOLOGY % (f', image: "{image}"' if image else "", memory))


def enough_inotify(hosts: int) -> None:
    """Each systemd takes several inotify instances, all of root's: the kernel's default is enough for a dozen hosts.

    Raises:
        Failed: too few, and they cannot be raised from here.
    """
    wanted = PER_HOST * hosts + 128
    if int(INOTIFY.read_text(encoding="ascii")) >= wanted:
        return
    try:
        INOTIFY.write_text(str(wanted), encoding="ascii")
    except OSError as error:
        raise Failed(f"{hosts} hosts need: sysctl fs.inotify.max_user_instances={wanted}") from error


def measure(stack: Stack, hosts: int, image: str, ansible: Playbook | None, report: Report, repeats: int) -> None:
    """One size: to it from the one before, nothing to do, one file changed on every host; each with its memory."""
    topology(stack, hosts, MEMORY_MIB[0], image)
    prepared = stack.prepare()
    placed = prepared.rendered["node-1"]
    if sorted(placed) != ROLES:
        raise Failed(f"node-1 has the roles {', '.join(placed)}")
    stack.machines("node-")
    ran = stack.command("up", *ONLY)
    report.add(f"{hosts} hosts, grown to", ran.seconds)
    peak = [ran.peak_mib]
    for _ in range(repeats):
        ran = stack.command("up", *ONLY)
        if not idle(ran):
            raise Failed("up changed something on converged hosts")
        report.add(f"{hosts} hosts, nothing to do", ran.seconds)
        peak.append(ran.peak_mib)
    for turn in range(repeats):
        topology(stack, hosts, MEMORY_MIB[(turn + 1) % 2], image)
        ran = stack.command("up", *ONLY)
        if idle(ran):
            raise Failed("up found nothing to change")
        report.add(f"{hosts} hosts, one file changed on each", ran.seconds)
        peak.append(ran.peak_mib)
    report.note(f"{hosts} hosts, controller's peak MiB", round(max(peak)))
    if ansible is not None:
        _ansible(stack, hosts, ansible, report)


def _ansible(stack: Stack, hosts: int, ansible: Playbook, report: Report) -> None:
    ansible.write(stack.prepare(), stack.machines("node-"))
    report.note(f"{hosts} hosts, Ansible changed at first", str(ansible.run("converge.log")))
    recap = ansible.run("noop.log")
    if recap.changed:
        raise Failed("Ansible changed something on converged hosts")
    report.add(f"{hosts} hosts, nothing to do, Ansible", recap.ran.seconds)
    report.note(f"{hosts} hosts, plan finds after Ansible", leftovers(stack, *ONLY))


def goals(report: Report, sizes: Sequence[int]) -> list[Goal]:
    """Growth from twelve hosts to a hundred, or between the sizes that were measured."""
    found = []
    done = [size for size in sizes if f"{size} hosts, one file changed on each" in report.times]
    if len(done) > 1:
        small, large = (12 if 12 in done else done[0]), done[-1]
        for what in ("nothing to do", "one file changed on each"):
            ratio = report.median(f"{large} hosts, {what}") / report.median(f"{small} hosts, {what}")
            found.append(Goal(f"{what}: {large} hosts / {small} hosts", ratio, 4))
    for size in done:
        peak = report.facts.get(f"{size} hosts, controller's peak MiB")
        if peak is not None:
            found.append(Goal(f"controller's memory at {size} hosts", peak, 300, unit=" MiB"))
    return found


def numbers(text: str) -> list[int]:
    """Comma separated; the empty text is no number."""
    return [int(word) for word in text.split(",") if word]


def main() -> int:
    """Exit codes: 0 every goal met, 1 some missed, 2 the benchmark itself failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--hosts", type=numbers, default=[6, 12, 50, 100])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--name", default="md-bench-growth", help="name of the inventory, its containers and network")
    parser.add_argument("--scratch", type=Path, default=Path(gettempdir()) / "massive-deploy-bench-growth")
    parser.add_argument("--json", type=Path, default=Path("bench-growth.json"))
    parser.add_argument("--ansible", type=numbers, default=[12, 50], help="at which sizes to run Ansible, too")
    parser.add_argument("--image", default="", help="image of the hosts; default: as the docker target makes it")
    arguments = parser.parse_args()
    end_orderly()
    sizes = sorted(arguments.hosts)
    report = Report("Growth")
    report.note("hosts made from", arguments.image or "the docker target's own image")
    try:
        enough_inotify(max(sizes))
        with playbook(arguments.scratch, report) as ansible:
            scratch = arguments.scratch / "stack"
            with fresh(scratch, arguments.name, partial(project, image=arguments.image)) as stack:
                for hosts in sizes:
                    print(f"{hosts} hosts", flush=True)  # noqa: T201
                    rival = ansible if hosts in arguments.ansible else None
                    measure(stack, hosts, arguments.image, rival, report, arguments.repeats)
    except (Failed, MassiveDeployError) as error:
        print(f"failed: {error}", file=sys.stderr)  # noqa: T201
        report.note("failed", str(error)[:500])
        return 2
    finally:
        report.goals += goals(report, sizes)
        met = report.finish(arguments.json)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
