"""What makes no sense in the firewall's settings."""

from __future__ import annotations

from collections.abc import Iterator

from massive_deploy.topology.conflicts import Conflict
from massive_deploy.topology.fields import did_you_mean
from massive_deploy.topology.layout import Layout


def conflicts(layout: Layout) -> Iterator[Conflict]:
    """A port is opened on groups that the stack has."""
    known = {host.group for host in layout.hosts}
    for number, allowed in enumerate(layout.settings["firewall"].allow):
        for place, group in enumerate(allowed.groups):
            if group not in known:
                at = ("roles", "firewall", "allow", number, "groups", place)
                yield Conflict(at, f"no host is in a group '{group}'", did_you_mean(group, known))
