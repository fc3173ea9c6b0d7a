"""Memory of varnish."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout

from .settings import Settings


def objects(host: Host, settings: Settings) -> int:
    """MiB for objects."""
    return settings.memory or max(32, host.memory_mb // 10)


def memory(layout: Layout, host: Host) -> int:
    """MiB the role takes at most."""
    # Threads, the log in shared memory and what objects cost beside their bodies.
    return objects(host, layout.settings["varnish"]) * 9 // 8 + 48
