"""What a role sees when it describes its part of one host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from massive_deploy.topology.layout import Cluster, Host, Layout
from massive_deploy.topology.model import Topology


@dataclass(frozen=True, slots=True)
class Release:
    """One built version of the project: its id, and the archive at the controller it is built from."""

    id: str
    archive: str


@dataclass(frozen=True, slots=True)
class HostView:
    """One host seen by one role. All lookups are pure; secrets come from the inventory's encrypted store."""

    role: str
    host: Host
    layout: Layout
    secrets: Callable[[str], str]
    template: Callable[..., str]
    release: Release | None = None
    authorities: tuple[tuple[str, str], ...] = ()

    @property
    def topology(self) -> Topology:
        """What the user wrote."""
        return self.layout.topology

    @property
    def settings(self) -> Any:
        """This role's settings."""
        return self.layout.settings[self.role]

    def settings_of(self, role: str) -> Any:
        """Another role's settings, for values two parts must agree on (ports)."""
        return self.layout.settings[role]

    def running(self, role: str) -> tuple[Host, ...]:
        """Hosts that run the role; empty when it is not in this stack."""
        return self.layout.running(role)

    def here(self, role: str) -> bool:
        """Whether this host also runs the role."""
        return any(host.name == self.host.name for host in self.running(role))

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """The PostgreSQL clusters."""
        return self.layout.clusters

    @property
    def cluster(self) -> Cluster:
        """The cluster this host belongs to; LookupError when it is in none."""
        for cluster in self.clusters:
            if cluster.number == self.host.cluster:
                return cluster
        raise LookupError(f"{self.host.name} is in no database cluster")

    def secret(self, name: str) -> str:
        """A password of the inventory: 32 letters and digits, generated once. Names look like `redis/password`."""
        return self.secrets(name)

    def render(self, template: str, /, **values: Any) -> str:
        """The role's template (a path below its templates/ folder) with `view`, `host`, `settings` and these values."""
        return self.template(template, view=self, host=self.host, settings=self.settings, **values)
