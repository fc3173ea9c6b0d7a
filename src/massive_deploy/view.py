"""What a role sees when it describes its part of one host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from massive_deploy.certificates import Certificates, words
from massive_deploy.topology.layout import Cluster, Host, Layout
from massive_deploy.topology.model import Topology

if TYPE_CHECKING:
    from massive_deploy.authority import Pair


@dataclass(frozen=True, slots=True)
class Release:
    """One built version of the project: its id, and the archive at the controller it is built from.

    `ref` and `commit` say where its source came from; a folder has no ref. A `kept` one is on the app hosts already:
    it is not built, and the databases are not migrated for it.
    """

    id: str
    archive: str
    ref: str = ""
    commit: str = ""
    kept: bool = False


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
    certificates: Certificates = field(default_factory=lambda: words(str))

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

    def certificate(self, *names: str) -> Pair:
        """This role's certificate on this host, of the stack's own authority, for these host names and addresses.

        Kept with the secrets; made anew when the names change or less than a third of its life is left.
        """
        return self.certificates.leaf(f"{self.role}/{self.host.name}", names)

    def given_certificate(self, name: str) -> Pair:
        """A certificate others issued, by the name of its secret, such as `tls/site`."""
        return self.certificates.given(name)

    @property
    def authority(self) -> str:
        """The certificate (PEM) of the stack's own authority, for those who check what it signed."""
        return self.certificates.authority()

    def render(self, template: str, /, **values: Any) -> str:
        """The role's template (a path below its templates/ folder) with `view`, `host`, `settings` and these values."""
        return self.template(template, view=self, host=self.host, settings=self.settings, **values)
