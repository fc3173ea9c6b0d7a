"""Part of a plan: only some hosts, only some roles."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from massive_deploy.desired import Desired
from massive_deploy.engine.plan import HostPlan, Plan


@dataclass(frozen=True, slots=True)
class Selection:
    """Names of hosts and roles; an empty one means all."""

    hosts: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return not self.hosts and not self.roles


def narrow(plan: Plan, selection: Selection, desired: Mapping[str, Mapping[str, Desired]]) -> Plan:
    """The plan without the hosts and roles that were not chosen; packages are those the chosen roles need."""
    if selection.everything:
        return plan
    hosts = [host for host in plan.hosts if not selection.hosts or host.host in selection.hosts]
    return Plan(tuple(_host(host, selection.roles, desired[host.host]) for host in hosts))


def _host(plan: HostPlan, roles: Collection[str], desired: Mapping[str, Desired]) -> HostPlan:
    if not roles:
        return plan
    needed = {package for role, wanted in desired.items() if role in roles for package in wanted.packages}
    return replace(
        plan,
        packages=tuple(package for package in plan.packages if package in needed),
        roles=tuple(role for role in plan.roles if role.role in roles),
    )
