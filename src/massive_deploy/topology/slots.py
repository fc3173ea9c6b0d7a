"""Which recorded hosts stay, which leave, and which places are still to be filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .model import Topology
from .placement import Placed, Placement
from .stacks import Stack


@dataclass(slots=True)
class Slots:
    """One group: hosts that stay by name, and the open places, each with its cluster (None outside the database)."""

    group: str
    staying: dict[str, Placed] = field(default_factory=dict)
    open: list[int | None] = field(default_factory=list)


def slots(topology: Topology, stack: Stack, placement: Placement) -> Iterator[Slots]:
    """The groups of a stack in their order. The lowest numbers stay; in the database, in each cluster.

    A machine of the ssh target that is no longer given leaves, and its place is open.
    """
    gone = set(placement.hosts) - set(topology.hosts) if topology.target == "ssh" else set()
    for group, spec in stack.hosts.items():
        mine = {name: host for name, host in placement.hosts.items() if host.group == group and name not in gone}
        recorded = dict(sorted(mine.items(), key=lambda item: item[1].number))
        result = Slots(group)
        if "database" in spec.parts:
            for cluster in range(1, topology.shards + 1):
                members = {name: host for name, host in recorded.items() if host.cluster == cluster}
                _fill(result, members, 1 + topology.replicas, cluster)
        else:
            _fill(result, recorded, stack.size(group, topology), None)
        yield result


def _fill(result: Slots, recorded: Mapping[str, Placed], size: int, cluster: int | None) -> None:
    staying = dict(list(recorded.items())[:size])
    result.staying |= staying
    result.open += [cluster] * (size - len(staying))
