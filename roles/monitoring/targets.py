"""Scrape targets and watched units, derived from the layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from massive_deploy.topology.layout import Host, Layout

# Units that must be active wherever the role runs; `*` is the number of each database cluster. A role that is not here
# is watched by its metrics only.
UNITS = {
    "app": ("app.service",),
    "etcd": ("etcd.service",),
    "firewall": ("massive-deploy-firewall.service",),
    "haproxy": ("haproxy.service",),
    "journal_remote": ("systemd-journal-remote.socket",),
    "journal_upload": ("systemd-journal-upload.service",),
    "leader_watch": ("leader-watch.service",),
    "memcached": ("memcached.service",),
    "nginx": ("nginx.service",),
    "pgbouncer": ("pgbouncer.service",),
    "pgpool": ("pgpool@*.service", "pgpool-keeper@*.service"),
    "postgresql": ("patroni.service",),
    "redis": ("redis-server.service",),
    "varnish": ("varnish.service",),
}
# Where the other role runs, too, the first one's units do not.
INSTEAD = {"journal_upload": "journal_remote"}


@dataclass(frozen=True, slots=True)
class Target:
    """One address that Prometheus reads, and its labels."""

    address: str
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Job:
    """One role's metrics port on all its hosts."""

    name: str
    path: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """A unit and the hosts it must be active on."""

    role: str
    unit: str
    hosts: tuple[str, ...]


def labels(layout: Layout, host: Host, role: str) -> dict[str, str]:
    """The labels of every sample from this role on this host; `cluster` only where there is one."""
    names = {cluster.number: cluster.name for cluster in layout.clusters}
    cluster = {"cluster": names[host.cluster]} if host.cluster in names else {}
    return {"host": host.name, "role": role, **cluster}


def jobs(layout: Layout) -> tuple[Job, ...]:
    """A job per metrics port that someone serves, sorted by name."""
    found = [
        Job(
            f"{role}-{port.name}",
            port.metrics,
            tuple(Target(f"{h.address}:{port.number}", labels(layout, h, role)) for h in layout.running(role)),
        )
        for role, ports in layout.ports.items()
        for port in ports
        if port.metrics
    ]
    return tuple(sorted((job for job in found if job.targets), key=lambda job: job.name))


def watched(layout: Layout) -> tuple[Watched, ...]:
    """Units with the hosts that must have them, sorted by role; without roles that are switched off."""
    return tuple(
        Watched(role, unit, hosts)
        for role, patterns in UNITS.items()
        if (hosts := tuple(host.name for host in _running(layout, role)))
        and getattr(layout.settings.get(role), "enabled", True)
        for unit in _units(layout, patterns)
    )


def _running(layout: Layout, role: str) -> list[Host]:
    instead = layout.running(INSTEAD[role]) if role in INSTEAD else ()
    return [host for host in layout.running(role) if host not in instead]


def _units(layout: Layout, patterns: Iterable[str]) -> Iterator[str]:
    for pattern in patterns:
        if "*" in pattern:
            yield from (pattern.replace("*", str(cluster.number)) for cluster in layout.clusters)
        else:
            yield pattern
