"""What makes collecting impossible."""

from __future__ import annotations

from collections.abc import Iterator

from massive_deploy.collected import senders, source
from massive_deploy.topology.conflicts import Conflict
from massive_deploy.topology.layout import Host, Layout

from .sizes import archives, file_size


def conflicts(layout: Layout) -> Iterator[Conflict]:
    """Every host has a file and a name of its own on the receiver."""
    hosts = senders(layout)
    written = file_size(layout) * len(hosts)
    if archives(layout) < written:
        least = 2 * written
        what = f"the journals of {len(hosts)} hosts need {least} MiB at least"
        yield Conflict(("roles", "journal_remote", "disk"), what, f"set `disk: {least}` or more")
    names: dict[str, Host] = {}
    for host in hosts:
        other = names.setdefault(source(host), host)
        if other is not host:
            what = f"the addresses of {other.name} and {host.name} differ in their first number only"
            yield Conflict(("hosts", host.name, "address"), what, "their journals would be one: use another address")
