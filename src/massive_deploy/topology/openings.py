"""What may come in at a host: from the edges of the layout, and what is public. Nothing else has to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from .edges import edges
from .layout import Layout


@dataclass(frozen=True, slots=True)
class Opening:
    """One way in: from an IPv4 address ("" is anybody) to a port. `protocol` is as in Port; `why` names who calls."""

    address: str
    protocol: str
    port: int
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """A layout as a key: the very same one."""

    layout: Layout

    def __hash__(self) -> int:
        return id(self.layout)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.layout is self.layout


def openings(layout: Layout) -> Mapping[str, tuple[Opening, ...]]:
    """Every host's ways in, sorted; what a host calls on itself is none."""
    return _openings(_Same(layout))


@lru_cache(maxsize=2)  # every host's description asks for it, and it is much work for many hosts
def _openings(key: _Same) -> Mapping[str, tuple[Opening, ...]]:
    layout = key.layout
    found: dict[str, dict[tuple[str, str, int], dict[str, None]]] = {host.name: {} for host in layout.hosts}
    for target, way, why in (*_called(layout), *_public(layout)):
        found[target].setdefault(way, {})[why] = None
    return {
        host: tuple(Opening(*way, why=", ".join(reasons)) for way, reasons in sorted(ways.items()))
        for host, ways in found.items()
    }


def _called(layout: Layout) -> Iterator[tuple[str, tuple[str, str, int], str]]:
    addresses = {host.name: host.address for host in layout.hosts}
    for edge in edges(layout):
        if edge.source != edge.target:
            why = f"{edge.source} {edge.source_role} to {edge.target_role}.{edge.service}"
            yield edge.target, (addresses[edge.source], edge.protocol, edge.port), why


def _public(layout: Layout) -> Iterator[tuple[str, tuple[str, str, int], str]]:
    for role, ports in layout.ports.items():
        for port in ports:
            if port.public:
                for host in layout.running(role):
                    yield host.name, ("", port.protocol, port.number), f"anybody to {role}.{port.name}"
