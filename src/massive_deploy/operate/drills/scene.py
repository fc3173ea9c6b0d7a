"""What a fault is told of the stack it hits, and what it answers: shell scripts by host, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from massive_deploy.topology.layout import Cluster, Layout


@dataclass(frozen=True, slots=True)
class Scene:
    """One cluster at the moment of a drill: who leads, who follows, and the app host whose clients are watched.

    `ssh` holds the SSH ports by host: they are never cut.
    """

    layout: Layout
    cluster: Cluster
    leader: str
    replicas: tuple[str, ...]
    app: str
    ssh: Mapping[str, int] = field(default_factory=dict)

    def address(self, host: str) -> str:
        """IPv4 address of a host."""
        return self.layout.host(host).address

    def names(self, role: str) -> tuple[str, ...]:
        """Hosts that run a role."""
        return tuple(host.name for host in self.layout.running(role))

    @property
    def data(self) -> str:
        """PostgreSQL's data directory, the same on every node."""
        folder: str = self.layout.settings["postgresql"].data
        return folder


@dataclass(frozen=True, slots=True)
class Strokes:
    """What is done to hosts, and what undoes it: scripts run as root, by host. `off` are machines to switch off."""

    inject: Mapping[str, str] = field(default_factory=dict)
    heal: Mapping[str, str] = field(default_factory=dict)
    off: tuple[str, ...] = ()
    switchover: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts that are hit, sorted."""
        return tuple(sorted({*self.inject, *self.off}))
