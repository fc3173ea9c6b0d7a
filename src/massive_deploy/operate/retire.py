"""Take a host out for good: stop its services, forget its place, remove the machine if it was made here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from massive_deploy.engine.lock import locked
from massive_deploy.engine.probe import MANAGED_UNITS
from massive_deploy.errors import HostFailure, HostsFailed, MassiveDeployError, Refused
from massive_deploy.operate.prepare import machine, target
from massive_deploy.targets import Say
from massive_deploy.topology.placement import FILE, save_placement, without

if TYPE_CHECKING:
    from massive_deploy.engine.transport import Fleet
    from massive_deploy.inventory import Inventory
    from massive_deploy.topology.layout import Host

STOP = f"""
units=$({MANAGED_UNITS})
[ -z "$units" ] || systemctl disable --quiet --now $units
"""


def retire(inventory: Inventory, name: str, confirm: str, say: Say) -> None:
    """Take out one host that the topology no longer has.

    Raises:
        Refused: the topology still has it, it leads its cluster, or its name was not confirmed.
        HostsFailed: it could not be reached or its services not stopped; nothing was forgotten.
    """
    host = _leaving(inventory, name)
    _confirmed(inventory, host, confirm)
    machines = target(inventory)
    if name in machines.present():
        _stop(inventory, host, say)
    machines.remove([name], say)
    save_placement(inventory.folder / FILE, without(inventory.placement, [name]))
    say(f"{name}: retired; its peers forget it with the next massive-deploy up {inventory.folder}")


def _leaving(inventory: Inventory, name: str) -> Host:
    for host in inventory.layout.leaving:
        if host.name == name:
            return host
    if any(host.name == name for host in inventory.layout.hosts):
        raise Refused(
            f"{name} still has its place in the topology", "lower the count (or take it out of `hosts`) first"
        )
    raise MassiveDeployError(f"no host {name} waits to be retired", f"see: massive-deploy plan {inventory.folder}")


def _confirmed(inventory: Inventory, host: Host, confirm: str) -> None:
    if confirm != host.name:
        data = f" and deletes its copy of database cluster {host.cluster}" if host.cluster is not None else ""
        again = f"massive-deploy retire {inventory.folder} {host.name} --confirm {host.name}"
        raise Refused(f"retire stops everything on {host.name}{data}", again)


def _stop(inventory: Inventory, host: Host, say: Say) -> None:
    from massive_deploy.engine.transport import connected

    reach = target(inventory).reach([machine(host)])
    with connected(reach) as (fleet, unreachable):
        if unreachable:
            hint = f"bring {host.name} back, or remove its line from {inventory.folder / FILE} by hand"
            raise HostsFailed([HostFailure(host.name, "connect", "ssh", unreachable[host.name], hint)])
        with locked(fleet, [host.name], f"retire {host.name}", inventory=str(inventory.folder)):
            _refuse_leader(inventory, fleet, host)
            output = fleet.run(host.name, STOP, timeout=120)
            if not output.ok:
                raise HostsFailed([HostFailure(host.name, "retire", "stop services", output.cause)])
    say(f"{host.name}: its services are stopped and disabled")


def _refuse_leader(inventory: Inventory, fleet: Fleet, host: Host) -> None:
    if host.cluster is None:
        return
    rest = inventory.layout.port("postgresql", "rest")
    output = fleet.run(host.name, f"curl -s --max-time 5 http://{host.address}:{rest}/patroni")
    try:
        role = json.loads(output.stdout).get("role", "")
    except ValueError:
        return
    if role in {"primary", "master"}:
        raise Refused(
            f"{host.name} leads database cluster {host.cluster}",
            f"first: massive-deploy up {inventory.folder} (hands it over to a host that stays), "
            f"or: massive-deploy switchover {inventory.folder} --cluster {host.cluster}",
        )
