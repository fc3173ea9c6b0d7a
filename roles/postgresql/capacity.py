"""What PostgreSQL takes of a host's memory, and how the parts of it are sized."""

from __future__ import annotations

from collections.abc import Sequence

from massive_deploy.topology.layout import Host, Layout, Sum

from .settings import Settings

_PROCESSES = 96
"""MiB: postmaster and its helpers, Patroni, the exporter."""


def shared_buffers(settings: Settings, host: Host) -> int:
    """MiB."""
    return settings.memory or max(32, host.memory_mb * 20 // 100)


def work_memory(settings: Settings, host: Host) -> int:
    """MiB of one sort or hash."""
    return settings.work_memory or min(64, max(2, host.memory_mb // 4 // settings.max_connections))


def memory(layout: Layout, host: Host) -> int:
    """MiB with every connection open and about 1 MiB of its own in each."""
    settings: Settings = layout.settings["postgresql"]
    return shared_buffers(settings, host) + settings.max_connections + _PROCESSES


def sums(layout: Layout) -> Sequence[Sum]:
    """Shared buffers against half of each database host's memory: the rest is for connections and the page cache."""
    settings: Settings = layout.settings["postgresql"]
    return [
        Sum(
            name="shared buffers fit",
            formula=f"shared buffers {shared_buffers(settings, host)} MiB ≤ half of {host.memory_mb} MiB",
            total=shared_buffers(settings, host),
            limit=host.memory_mb // 2,
            where=host.name,
        )
        for host in layout.running("postgresql")
    ]
