"""What must not happen to the watchers."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.topology.layout import Layout


def units(layout: Layout) -> Mapping[str, str]:  # noqa: ARG001 - the same for every stack
    """What must be active."""
    return {"leader-watch.service": "Nothing. Should the leader's host die now, the failover takes Patroni's own time."}
