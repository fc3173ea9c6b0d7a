"""What the picture of a stack shows: tiers of panels of hosts, and arrows between tiers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from massive_deploy.topology.layout import Edge, Host, Layout

# A host of several parts stands in the first tier that has one of them.
TIERS = (
    ("edge", ("edge",)),
    ("app", ("app",)),
    ("cache", ("memcached", "redis")),
    ("database", ("database",)),
    ("monitor", ("monitor", "quorum")),
)


@dataclass(frozen=True, slots=True)
class Panel:
    """Hosts of one group or database cluster: the roles they share, and per host those that not all of them run."""

    title: str
    roles: tuple[str, ...]
    hosts: tuple[tuple[Host, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a request's way."""

    name: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """Connections from one tier to another, a line of words per called role."""

    source: str
    target: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it. `everywhere` are the roles of every host, which no panel repeats."""

    name: str
    tiers: tuple[Tier, ...]
    arrows: tuple[Arrow, ...]
    everywhere: tuple[str, ...]
    hosts: int


def picture(layout: Layout, edges: Iterable[Edge]) -> Picture:
    """The picture of a layout and its edges. What the monitor reads is left out: that is every host."""
    many = len(layout.hosts) > 1
    everywhere = tuple(sorted(r for r, hosts in layout.roles.items() if many and len(hosts) == len(layout.hosts)))
    tiers = []
    for name, _ in TIERS:
        groups: dict[tuple[int, str], list[Host]] = {}
        for host in layout.hosts:
            if tier_of(host) == name:
                groups.setdefault((host.cluster or 0, host.group), []).append(host)
        panels = [_panel(layout, cluster, group, hosts, everywhere) for (cluster, group), hosts in groups.items()]
        if panels:
            tiers.append(Tier(name, tuple(panels)))
    return Picture(layout.name, tuple(tiers), _arrows(layout, edges), everywhere, len(layout.hosts))


def tier_of(host: Host) -> str:
    """Name of the tier that the host stands in; hosts with no known part stand with the app."""
    return next((name for name, parts in TIERS if set(parts) & set(host.parts)), "app")


def _panel(layout: Layout, cluster: int, group: str, hosts: list[Host], everywhere: tuple[str, ...]) -> Panel:
    names = {placed.number: placed.name for placed in layout.clusters}
    runs = [{role for role in layout.roles_of(host.name) if role not in everywhere} for host in hosts]
    shared = set.intersection(*runs)
    title = names.get(cluster, group) if {"database"} & set(hosts[0].parts) and cluster else group
    return Panel(
        title,
        tuple(sorted(shared)),
        tuple((host, tuple(sorted(own - shared))) for host, own in zip(hosts, runs, strict=True)),
    )


def _arrows(layout: Layout, edges: Iterable[Edge]) -> tuple[Arrow, ...]:
    tier = {host.name: tier_of(host) for host in layout.hosts}
    ports: dict[tuple[str, str], dict[str, set[int]]] = {}
    for edge in edges:
        pair = (tier[edge.source], tier[edge.target])
        if edge.source_role != "monitoring" and pair[0] != pair[1]:
            ports.setdefault(pair, {}).setdefault(edge.target_role, set()).add(edge.port)
    order = [name for name, _ in TIERS]
    found = sorted(ports.items(), key=lambda item: (order.index(item[0][0]), order.index(item[0][1])))
    return tuple(
        Arrow(*pair, tuple(f"{role} {', '.join(map(str, sorted(of)))}" for role, of in sorted(roles.items())))
        for pair, roles in found
    )
