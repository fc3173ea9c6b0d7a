"""Connect to an inventory's hosts and read their state."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from massive_deploy.engine import preflight, probe
from massive_deploy.engine.litter import CLEAN, LONGEST
from massive_deploy.engine.observed import Observed
from massive_deploy.errors import HostFailure, HostsFailed
from massive_deploy.operate import unreachable as closed
from massive_deploy.operate.prepare import machines, target
from massive_deploy.render import Rendered

if TYPE_CHECKING:
    from massive_deploy.engine.transport import Fleet
    from massive_deploy.inventory import Inventory
    from massive_deploy.targets import Ssh


PATIENCE = 120
"""Seconds a probe may take."""


@dataclass(frozen=True, slots=True)
class Session:
    """Open connections to the hosts that exist; `missing` are those whose machine is not made yet.

    `unreachable` (host → reason) is empty unless the session was opened to bear it.
    """

    fleet: Fleet
    reach: Mapping[str, Ssh]
    missing: frozenset[str]
    unreachable: Mapping[str, str] = field(default_factory=dict)

    @property
    def silent(self) -> dict[str, str]:
        """Host → why, for all that cannot be asked."""
        return {**dict.fromkeys(self.missing, "no such machine yet"), **self.unreachable}


@contextmanager
def session(inventory: Inventory, only: Iterable[str] | None = None, *, bear: bool = False) -> Iterator[Session]:
    """Connect to the inventory's existing hosts (or only these). `bear` goes on without those that do not answer.

    Raises:
        HostsFailed: a host cannot be reached, or its user cannot become root; nothing was changed.
    """
    from massive_deploy.engine.transport import connected

    source = target(inventory)
    present = set(source.present())
    wanted = {host.name for host in inventory.layout.hosts if only is None or host.name in set(only)}
    everywhere = source.reach(machines(inventory))
    reach = {name: ssh for name, ssh in everywhere.items() if name in wanted & present}
    if not reach:
        yield Session(_nobody(), {}, frozenset(wanted))
        return
    with connected(reach) as (fleet, unreachable):
        if bear:
            live = {name: ssh for name, ssh in reach.items() if name not in unreachable}
            yield Session(fleet, live, frozenset(wanted - present), unreachable)
            return
        if unreachable:
            start = f"docker start {inventory.name}-" if inventory.topology.target == "docker" else ""
            raise HostsFailed(closed.failures(reach, unreachable, start))
        if problems := fleet.sudo_problems():
            hint = "give the user `NOPASSWD: ALL` in sudoers, or set `user: root`"
            raise HostsFailed([HostFailure(name, "connect", "sudo", why, hint) for name, why in problems.items()])
        yield Session(fleet, reach, frozenset(wanted - present))


def _nobody() -> Fleet:
    from massive_deploy.engine.transport import Fleet

    return Fleet({})


def read(opened: Session, rendered: Rendered, *, clean: bool = False) -> dict[str, Observed]:
    """One probe per connected host; hosts that do not exist yet are observed as such.

    `clean` first waits for a step that a killed run has left going on, and clears its litter away.

    Raises:
        HostsFailed: a host's probe printed nothing, or hosts are not fit for a run.
    """
    before = time.time()
    scripts = {host: probe.script(roles) for host, roles in rendered.items() if host in opened.reach}
    if clean:
        scripts = {host: f"(\n{CLEAN}\n) || exit\n{script}" for host, script in scripts.items()}
    timeout = PATIENCE + (LONGEST if clean else 0)
    outputs = opened.fleet.run_all(dict.fromkeys(scripts, "sh -s"), scripts, timeout=timeout)
    after = time.time()
    if silent := {host: output.cause for host, output in outputs.items() if "fact\t" not in output.stdout}:
        hint = "see whether the host is healthy, then run this again"
        raise HostsFailed([HostFailure(host, "probe", "read its state", why, hint) for host, why in silent.items()])
    seen = {host: Observed(exists=False) for host in rendered if host in opened.missing}
    seen |= {host: probe.parse(output.stdout, rendered[host]) for host, output in outputs.items()}
    if unfit := preflight.findings(seen, before, after):
        raise HostsFailed(unfit)
    return seen
