"""App hosts that people have taken out of service: `massive-deploy drain` and `undrain`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from massive_deploy.desired import DRAIN, DRAINED
from massive_deploy.engine.plan import Plan
from massive_deploy.errors import HostFailure, HostsFailed, MassiveDeployError, Refused
from massive_deploy.operate.observe import session

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.observe import Session
    from massive_deploy.targets import Say
    from massive_deploy.topology.layout import Layout

ROLE = "app"
_SET = f"install -d -m 0755 {shlex.quote(DRAINED.rpartition('/')[0])}; date -u +%FT%TZ >{shlex.quote(DRAINED)}"
_UNSET = f"rm -f {shlex.quote(DRAINED)}"


def drained(opened: Session, layout: Layout) -> set[str]:
    """App hosts, of those connected, that are drained by hand."""
    return _marked(opened, layout, DRAINED)


def _marked(opened: Session, layout: Layout, *marks: str) -> set[str]:
    hosts = [host.name for host in layout.running(ROLE) if host.name in opened.reach]
    script = "\n".join(f"[ ! -e {shlex.quote(mark)} ] || {{ echo yes; exit; }}" for mark in marks)
    outputs = opened.fleet.run_all(dict.fromkeys(hosts, script), timeout=20)
    return {host for host, output in outputs.items() if output.stdout.strip() == "yes"}


def out_elsewhere(inventory: Inventory, asked: Collection[str]) -> set[str]:
    """App hosts beside those asked for that serve nobody: drained by hand, not made yet, or without an answer.

    Nothing is looked at where none of those asked for is an app host, or all of them are.
    """
    names = {host.name for host in inventory.layout.running(ROLE)}
    others = names - set(asked)
    if not others or others == names:
        return set()
    with session(inventory, others, bear=True) as opened:
        return drained(opened, inventory.layout) | set(opened.unreachable) | opened.missing


def spare(plan: Plan, layout: Layout, out: Collection[str]) -> Plan:
    """The plan without draining the only app host that is left in service: its socket holds requests meanwhile."""
    serving = [host.name for host in layout.running(ROLE) if host.name not in out]
    if len(serving) > 1 or not out:
        return plan
    hosts = []
    for host in plan.hosts:
        roles = tuple(
            replace(role, rolling=replace(role.rolling, drain_seconds=0))
            if role.role == ROLE and role.rolling is not None
            else role
            for role in host.roles
        )
        hosts.append(replace(host, roles=roles))
    return Plan(tuple(hosts))


def drain(opened: Session, layout: Layout, host: str, idle: str, seconds: int, say: Say) -> bool:
    """Take an app host out of service; whether nothing was in flight any more before the seconds were over.

    `idle` is a shell line that succeeds when nothing is in flight.

    Raises:
        Refused: it is the last one in service.
        MassiveDeployError: it is no app host.
    """
    must_be_app_host(layout, host)
    # A run drains one host after another, and one may be in its turn now.
    out = _marked(opened, layout, DRAINED, DRAIN) | {host} | set(opened.unreachable) | opened.missing
    left = {one.name for one in layout.running(ROLE)} - out
    if not left:
        what = f"no app host would be left in service without {host}"
        raise Refused(what, "undrain another one first, or wait for the run that drains it")
    _run(opened, host, _SET, "drain")
    say(f"{host}: drained; waiting until no cache sends it requests, for {seconds} s at most")
    end = time.monotonic() + seconds
    calm = 0
    while calm < 3:
        if time.monotonic() > end:
            return False
        time.sleep(1)
        calm = calm + 1 if opened.fleet.run(host, idle, timeout=20).ok else 0
    return True


def must_be_app_host(layout: Layout, host: str) -> None:
    """Refuse any other host.

    Raises:
        MassiveDeployError: the host does not run the project.
    """
    names = [one.name for one in layout.running(ROLE)]
    if host not in names:
        raise MassiveDeployError(f"{host} is no app host", f"there are: {', '.join(names)}")


def undrain(opened: Session, layout: Layout, host: str) -> bool:
    """Put an app host back in service; whether it was out."""
    was = host in drained(opened, layout)
    _run(opened, host, _UNSET, "undrain")
    return was


def _run(opened: Session, host: str, script: str, step: str) -> None:
    output = opened.fleet.run(host, f"set -e; {script}")
    if not output.ok:
        raise HostsFailed([HostFailure(host, step, "its mark", output.cause)])
