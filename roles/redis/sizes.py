"""Memory of Redis."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout

from .settings import Settings


def data(host: Host, settings: Settings) -> int:
    """MiB for data."""
    return settings.memory or max(32, host.memory_mb * 8 // 100)


def memory(layout: Layout, host: Host) -> int:
    """MiB the role takes at most."""
    # Buffers of clients, and pages copied while the append-only file is rewritten.
    return data(host, layout.settings["redis"]) * 5 // 4 + 16
