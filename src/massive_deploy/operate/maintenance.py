"""The maintenance page: a file on every edge host, at which its nginx answers 503 with the page."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from massive_deploy.desired import MAINTENANCE
from massive_deploy.engine.probe import STATE
from massive_deploy.errors import HostFailure, HostsFailed

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.observe import Session

ROLE = "nginx"
_ON = f"""
install -d -m 0711 {STATE}
install -d -m 0755 {shlex.quote(MAINTENANCE.rpartition("/")[0])}
[ -e {shlex.quote(MAINTENANCE)} ] || date -u +%FT%TZ >{shlex.quote(MAINTENANCE)}
"""
_OFF = f"rm -f {shlex.quote(MAINTENANCE)}"
_READ = f"cat {shlex.quote(MAINTENANCE)} 2>/dev/null || true"


@dataclass(frozen=True, slots=True)
class Mode:
    """One edge host: since when it shows the page (ISO 8601; empty: it does not), or why it did not tell."""

    host: str
    since: str = ""
    problem: str = ""


def edges(inventory: Inventory) -> list[str]:
    """Hosts whose nginx visitors reach."""
    return [host.name for host in inventory.layout.running(ROLE)]


def status(opened: Session) -> list[Mode]:
    """Every edge host, by name."""
    outputs = opened.fleet.run_all(dict.fromkeys(opened.reach, _READ), timeout=20)
    found = [
        Mode(host, output.stdout.strip()) if output.ok else Mode(host, problem=output.cause.splitlines()[-1])
        for host, output in outputs.items()
    ]
    found += [Mode(host, problem=why) for host, why in opened.silent.items()]
    return sorted(found, key=lambda one: one.host)


def switch(opened: Session, inventory: Inventory, *, on: bool, despite: bool = False) -> list[Mode]:
    """Turn it on or off on every edge host, or on none of them.

    Args:
        opened: connections to the edge hosts, opened to bear those that do not answer.
        inventory: for what to type next.
        on: whether visitors are to see the page.
        despite: go on without hosts that do not answer.

    Raises:
        HostsFailed: a host does not answer, or could not do it; the others are as they were.
    """
    word = "on" if on else "off"
    hint = f"mend it, then: massive-deploy maintenance {word} {inventory.folder}"
    if opened.unreachable and not despite:
        left = f"{hint}; or leave it out: --despite"
        silent = {host: f"{why}\nno host was touched" for host, why in opened.unreachable.items()}
        raise HostsFailed([HostFailure(host, "maintenance", word, why, left) for host, why in silent.items()])
    before = {one.host for one in status(opened) if one.since}
    outputs = opened.fleet.run_all(dict.fromkeys(opened.reach, f"set -e; {_ON if on else _OFF}"), timeout=20)
    told = "the other hosts are as they were"
    if failed := {host: f"{output.cause}\n{told}" for host, output in outputs.items() if not output.ok}:
        undo = {host: _ON if host in before else _OFF for host in opened.reach}
        opened.fleet.run_all(undo, timeout=20)
        raise HostsFailed([HostFailure(host, "maintenance", word, why, hint) for host, why in failed.items()])
    return status(opened)
