"""Placing: from a topology and what is recorded to the layout. Pure; what runs never moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from massive_deploy.errors import InvalidInput, Problem

from .addresses import free_address, subnet
from .layout import Host, Layout, Port
from .model import Topology
from .placement import FILE, Placed, Placement
from .quorum import choose
from .slots import slots
from .stacks import Stack, demand

# A given machine counts with this until its real size was seen; sums are checked again then.
UNSEEN_MEMORY_MB = 4096


class Placeable(Protocol):
    """What placing needs to know of a role."""

    @property
    def PLACED_ON(self) -> Sequence[str]: ...  # noqa: N802
    @property
    def SERVES(self) -> Sequence[Port]: ...  # noqa: N802
    @property
    def CALLS(self) -> Sequence[str]: ...  # noqa: N802
    @property
    def wanted(self) -> Callable[[Topology], bool]: ...


def place(
    topology: Topology,
    stack: Stack,
    placement: Placement | None,
    roles: Mapping[str, Placeable],
    settings: Mapping[str, Any],
) -> tuple[Layout, Placement]:
    """The layout, and the placement to record (leaving hosts stay in it until they are removed).

    Raises:
        InvalidInput: what is recorded cannot become what is asked for.
    """
    before = placement or Placement(target=topology.target)
    if found := _moved(topology, stack, before):
        raise InvalidInput(found)
    groups = _filled(topology, stack, before)
    staying = {name: host for group in groups.values() for name, host in group.items()}
    quorum = choose(
        {group: list(hosts) for group, hosts in groups.items()},
        stack.quorum,
        [name for name, host in before.hosts.items() if "quorum" in host.parts],
        one_cluster=topology.shards == 1,
    )
    parts = _parts(topology, stack, groups, quorum)
    kept = {name: host.model_copy(update={"parts": parts[name]}) for name, host in staying.items()}
    left = {name: host.model_copy(update={"parts": []}) for name, host in before.hosts.items() if name not in staying}
    hosts = tuple(_host(name, host) for name, host in kept.items())
    wanted = {name: role for name, role in roles.items() if role.wanted(topology)}
    running = {name: _running(role, hosts) for name, role in wanted.items()}
    layout = Layout(
        name=topology.name,
        topology=topology,
        hosts=hosts,
        roles={name: names for name, names in running.items() if names},
        settings=settings,
        ports={name: _served(role, topology, settings.get(name)) for name, role in wanted.items() if running[name]},
        calls={name: tuple(role.CALLS) for name, role in wanted.items() if running[name]},
        leaving=tuple(_host(name, host) for name, host in left.items()),
    )
    return layout, Placement(target=topology.target, name=topology.name, hosts=kept | left)


def _filled(topology: Topology, stack: Stack, before: Placement) -> dict[str, dict[str, Placed]]:
    """Every group's hosts in order of their number; new ones where places are open."""
    groups: dict[str, dict[str, Placed]] = {}
    all_slots = list(slots(topology, stack, before))
    machines = _Machines(topology, before)
    for group in all_slots:
        hosts = {name: machines.current(name, host) for name, host in group.staying.items()}
        for cluster in group.open:
            name, host = machines.make(group.group, cluster)
            hosts[name] = host
        groups[group.group] = dict(sorted(hosts.items(), key=lambda item: item[1].number))
    return groups


class _Machines:
    """Hands out machines: made ones for docker, the given ones for ssh, none twice."""

    def __init__(self, topology: Topology, before: Placement) -> None:
        self.topology = topology
        self.known = dict(before.hosts)
        self.free = [name for name in topology.hosts if name not in before.hosts]

    def current(self, name: str, host: Placed) -> Placed:
        """A recorded host with what the topology says of it now."""
        if self.topology.target == "ssh":
            return host.model_copy(update={"address": self.topology.hosts[name].address})
        docker = self.topology.docker
        return host.model_copy(update={"cpus": docker.cpus, "memory_mb": docker.memory})

    def make(self, group: str, cluster: int | None) -> tuple[str, Placed]:
        """A new host for the group."""
        taken = {host.number for host in self.known.values() if host.group == group}
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        if self.topology.target == "docker":
            name, docker = f"{group}-{number}", self.topology.docker
            address = self._address(group)
            host = Placed(
                group=group, number=number, cluster=cluster, address=address, cpus=docker.cpus, memory_mb=docker.memory
            )
        else:
            name = self._given(group)
            address = self.topology.hosts[name].address
            host = Placed(group=group, number=number, cluster=cluster, address=address, memory_mb=UNSEEN_MEMORY_MB)
        self.known[name] = host
        return name, host

    def _address(self, group: str) -> str:
        network = subnet(self.topology)
        taken = {host.address for host in self.known.values()} | {(self.topology.edge_address or "").partition("/")[0]}
        try:
            return free_address(network, taken)
        except LookupError as error:
            what = f"{network} has no address left"
            raise InvalidInput([Problem(FILE, 0, 0, group, what, "first finish removing hosts that leave")]) from error

    def _given(self, group: str) -> str:
        """The next free machine of this group, else one of no group."""
        for wish in (group, None):
            for name in self.free:
                if self.topology.hosts[name].group == wish:
                    self.free.remove(name)
                    return name
        what = f"group '{group}' needs one machine more than `hosts` has free"
        raise InvalidInput(
            [Problem(FILE, 0, 0, group, what, "add a machine, or first finish removing those that leave")]
        )


def _moved(topology: Topology, stack: Stack, before: Placement) -> list[Problem]:
    """Recorded places the topology contradicts."""
    if before.hosts and before.target != topology.target:
        what = f"machines are recorded for target '{before.target}', the topology says '{topology.target}'"
        return [Problem(FILE, 0, 0, "target", what, "use a new inventory for the other target")]
    found = []
    renamed = before.name not in {None, topology.name}
    network = subnet(topology).removesuffix("0/24")
    for name, host in before.hosts.items():
        given = topology.hosts.get(name)
        if host.group not in stack.hosts:
            what = f"runs in group '{host.group}', which stack '{topology.stack}' does not have"
            found.append(
                Problem(FILE, 0, 0, name, what, "keep the stack; to move, make a new inventory and restore a backup")
            )
        elif given is not None and given.group not in {None, host.group}:
            what = f"runs in group '{host.group}', the topology says '{given.group}': running hosts do not move"
            found.append(Problem(FILE, 0, 0, name, what, f"set `group: {host.group}`, or use another machine"))
        elif topology.target == "docker" and not renamed and not host.address.startswith(network):
            what = f"has {host.address}, which is not in {network}0/24"
            found.append(Problem(FILE, 0, 0, name, what, "set `docker: subnet:` back, or destroy the machines first"))
    return found


def _parts(
    topology: Topology, stack: Stack, groups: Mapping[str, Mapping[str, Placed]], quorum: Sequence[str]
) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for group, hosts in groups.items():
        for rank, name in enumerate(hosts):
            needs = [(part, demand(part, topology)) for part in stack.hosts[group].parts]
            parts[name] = [part for part, number in needs if number is None or rank < number]
            parts[name] += ["quorum"] if name in quorum else []
    return parts


def _host(name: str, host: Placed) -> Host:
    return Host(
        name=name,
        group=host.group,
        parts=tuple(host.parts),
        address=host.address,
        number=host.number,
        cluster=host.cluster,
        cpus=host.cpus,
        memory_mb=host.memory_mb,
    )


def _served(role: Placeable, topology: Topology, settings: Any) -> tuple[Port, ...]:
    """Its ports; where they depend on the role's settings, its optional `serves` says which of them."""
    serves: Callable[[Topology, Any], Sequence[Port]] | None = getattr(role, "serves", None)
    return tuple(role.SERVES if serves is None else serves(topology, settings))


def _running(role: Placeable, hosts: Sequence[Host]) -> tuple[str, ...]:
    places = set(role.PLACED_ON)
    return tuple(host.name for host in hosts if "every" in places or places & set(host.parts))
