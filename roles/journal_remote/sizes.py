"""What the receiver takes of its host."""

from __future__ import annotations

from massive_deploy.collected import receiver, senders
from massive_deploy.topology.layout import Host, Layout

SMALLEST, LARGEST = 8, 128
"""MiB of one journal file: each host has one that is being written and is never dropped."""


def disk(layout: Layout) -> int:
    """MiB of all files."""
    given: int | None = layout.settings["journal_remote"].disk
    return given or max(4096, 32 * len(senders(layout)))


def file_size(layout: Layout) -> int:
    """MiB at which a host's file is full and the next one begun: those being written take a quarter of all at most."""
    return max(SMALLEST, min(LARGEST, disk(layout) // (4 * max(1, len(senders(layout))))))


def archives(layout: Layout) -> int:
    """MiB left for full files."""
    return disk(layout) - file_size(layout) * len(senders(layout))


def memory(layout: Layout, host: Host) -> int:
    """MiB of nginx, where it is here for this alone, and of the receiver; files are mapped, not held."""
    if receiver(layout) is None:
        return 0
    shared = any(host.name in layout.roles.get(role, ()) for role in ("nginx", "app"))
    return 32 + (0 if shared else 16 + 8 * host.cpus)
