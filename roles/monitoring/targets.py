"""Scrape targets, derived from the layout."""

from __future__ import annotations

from dataclasses import dataclass

from massive_deploy.alerts.collect import watched
from massive_deploy.topology.layout import Host, Layout

__all__ = ["Job", "Target", "jobs", "watched"]


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
