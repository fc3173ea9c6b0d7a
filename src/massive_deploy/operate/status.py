"""What a stack is doing right now, as values: read by one command per host, then put together."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from massive_deploy.operate.patroni import PatroniMember
from massive_deploy.operate.status_database import Cluster, Database, clusters
from massive_deploy.paths import state_dir
from massive_deploy.targets.keys import Keys
from massive_deploy.topology.layout import Host, Layout, Port

UNKNOWN = math.nan


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit as `systemctl show` tells it."""

    name: str
    load: str
    active: str
    sub: str
    enabled: str
    restarts: int = 0

    @property
    def good(self) -> bool:
        """Whether it is doing what it is there for."""
        return self.active == "active"


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host. `error` says why nothing is known of it; `members` is the cluster as this host's Patroni sees it."""

    name: str
    error: str = ""
    uptime: float = UNKNOWN
    load: float = UNKNOWN
    memory_total_mb: int = 0
    memory_available_mb: int = 0
    units: tuple[Unit, ...] = ()
    release: str = ""
    database: Database | None = None
    members: tuple[PatroniMember, ...] = ()

    @property
    def good(self) -> bool:
        """Whether it was reached and all its units run."""
        return not self.error and all(unit.good for unit in self.units)


@dataclass(frozen=True, slots=True)
class Status:
    """The whole stack. `releases` maps each release to the app hosts that serve it; `urls` maps words to addresses."""

    name: str
    hosts: tuple[HostStatus, ...]
    clusters: tuple[Cluster, ...]
    releases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether every host and cluster is well, and all app hosts serve one release."""
        return all(h.good for h in self.hosts) and all(c.good for c in self.clusters) and len(self.releases) < 2


def combine(layout: Layout, hosts: Iterable[HostStatus]) -> Status:
    """One status from every host's own. A host of the layout that is not among them counts as not asked."""
    told = {host.name: host for host in hosts}
    everyone = tuple(told.get(host.name) or HostStatus(host.name, "not asked") for host in layout.hosts)
    releases: dict[str, tuple[str, ...]] = {}
    for host in everyone:
        if host.release:
            releases[host.release] = (*releases.get(host.release, ()), host.name)
    databases = {host.name: host.database for host in everyone if host.database is not None}
    members = {host.name: host.members for host in everyone if host.members}
    return Status(layout.name, everyone, clusters(layout, databases, members), releases, urls(layout))


def urls(layout: Layout) -> dict[str, str]:
    """Where people look: the site at each edge host, the monitor's pages, and how to get at these from outside."""
    scheme = "https" if layout.https else "http"
    shared = (layout.topology.edge_address or "").partition("/")[0]
    found = {"site": f"{scheme}://{shared}/"} if shared else {}
    found |= {f"site on {host.name}": f"{scheme}://{host.address}/" for host in layout.running("nginx")}
    for host in layout.running("monitoring"):
        for port in _pages(layout):
            page = "/user/" if port.name == "prometheus" else "/"
            found[f"{port.name} on {host.name}"] = f"http://{host.address}:{port.number}{page}"
        if layout.topology.target == "ssh" or getattr(layout.settings.get("firewall"), "enabled", False):
            found["these by ssh, at localhost"] = forward(layout, host)
    return found


def _pages(layout: Layout) -> list[Port]:
    """Ports of the monitor that people open in a browser."""
    return [port for port in layout.ports["monitoring"] if port.name in {"prometheus", "alerts"}]


def forward(layout: Layout, host: Host) -> str:
    """What to type so that the monitor's ports, which only the stack may call, are at localhost."""
    words = ["ssh", "-N"]
    for port in _pages(layout):
        words += ["-L", f"{port.number}:{host.address}:{port.number}"]
    given = layout.topology.hosts.get(host.name)
    if given is None:
        keys = Keys(state_dir() / layout.name)
        words += ["-i", str(keys.private), "-o", f"UserKnownHostsFile={keys.known_hosts}", f"root@{host.address}"]
    else:
        words += [*(["-p", str(given.port)] if given.port != 22 else []), *(["-i", given.key] if given.key else [])]
        words.append(f"{given.user}@{given.address}")
    return shlex.join(words)


def collect(layout: Layout, answers: Mapping[str, str], silent: Mapping[str, str]) -> Status:
    """From what each host printed when it was asked (`status_script.script`), and why others said nothing."""
    from massive_deploy.operate.status_parse import parse

    told = [parse(host, answer) for host, answer in answers.items()]
    told += [HostStatus(host, why) for host, why in silent.items()]
    return combine(layout, told)
