"""What must not happen to the journal of a host on its way to the monitor host."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.collected import senders
from massive_deploy.topology.layout import Host, Layout


def units(layout: Layout) -> Mapping[str, str]:  # noqa: ARG001 - the same for every stack
    """What must be active."""
    return {"systemd-journal-upload.service": "Nothing. This host's logs are on this host only."}


def hosts(layout: Layout) -> tuple[Host, ...]:
    """The receiver's own journal has no way to go, and that of a single host."""
    return senders(layout)
