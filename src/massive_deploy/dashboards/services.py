"""What runs where, for the picture's dots: a role on a host, and how its state is read from Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from massive_deploy.topology.layout import Layout


class Watched(Protocol):
    """A unit and the hosts it must be active on, as the monitoring role's `watched(layout)` tells them."""

    @property
    def role(self) -> str:
        """Whose unit it is."""

    @property
    def unit(self) -> str:
        """Its whole name."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the hosts."""


WatchedOf = Callable[[Layout], Iterable[Watched]]


@dataclass(frozen=True, slots=True)
class Service:
    """A role on a host: units that must be active there, and whether Prometheus reads a metrics port of it."""

    host: str
    role: str
    units: tuple[str, ...]
    scraped: bool


def services(layout: Layout, watched: Iterable[Watched]) -> tuple[Service, ...]:
    """Every role on every host that can be seen to live, host by host."""
    units: dict[tuple[str, str], tuple[str, ...]] = {}
    for one in watched:
        for name in one.hosts:
            units[name, one.role] = (*units.get((name, one.role), ()), one.unit)
    scraped = {role for role, ports in layout.ports.items() if any(port.metrics for port in ports)}
    return tuple(
        Service(host.name, role, units.get((host.name, role), ()), role in scraped)
        for host in layout.hosts
        for role in sorted(layout.roles_of(host.name))
        if role in scraped or (host.name, role) in units
    )


def watched_of(roles: Mapping[str, Any]) -> WatchedOf:
    """The monitoring role's answer to what must be active where; nothing where that role is another one's."""
    found: WatchedOf = getattr(roles.get("monitoring"), "watched", lambda _: ())
    return found
