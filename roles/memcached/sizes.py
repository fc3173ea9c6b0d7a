"""Memory of memcached."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout

from .settings import Settings

EXPORTER_MB = 16


def items(host: Host, settings: Settings) -> int:
    """MiB for items."""
    return settings.memory or max(16, host.memory_mb * 8 // 100)


def memory(layout: Layout, host: Host) -> int:
    """MiB the role takes at most."""
    # Connections and the hash table come on top, and the exporter.
    return items(host, layout.settings["memcached"]) + 16 + EXPORTER_MB
