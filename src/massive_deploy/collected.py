"""The journals of all hosts, collected on one: who receives them, and where each host's lie."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout

RECEIVER = "journal_remote"
SENDER = "journal_upload"
SENDER_UNIT = "systemd-journal-upload"
FOLDER = "/var/log/journal/remote"
NGINX_ERRORS = "nginx_error"
"""The syslog identifier of what nginx also writes to its error.log."""


def receiver(layout: Layout) -> Host | None:
    """The host that collects; None where there is nothing to collect: no such part, or no other host."""
    hosts = layout.running(RECEIVER)
    return hosts[0] if hosts and len(layout.hosts) > 1 else None


def senders(layout: Layout) -> tuple[Host, ...]:
    """Every host whose journal is collected: all but the receiver, which has its own already."""
    collects = receiver(layout)
    return tuple(host for host in layout.running(SENDER) if collects is not None and host.name != collects.name)


def source(host: Host) -> str:
    """The loopback address that stands for a host (127.2.3.4 for 1.2.3.4): the receiver names its files by it."""
    return f"127.{host.address.partition('.')[2]}"


def patterns(host: Host) -> tuple[str, ...]:
    """Shell patterns of the host's files on the receiver: the one being written, the full ones, those of a crash."""
    begin = f"{FOLDER}/remote-{source(host)}"
    return (f"{begin}.journal", f"{begin}@*.journal", f"{begin}@*.journal~")
