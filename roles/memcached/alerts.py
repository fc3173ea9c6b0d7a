"""What must not happen to memcached."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.alerts.model import Rule, unanswered
from massive_deploy.topology.layout import Layout

FEELS = "Slower pages: what this node kept is computed again each time. Nothing is lost."


def units(layout: Layout) -> Mapping[str, str]:  # noqa: ARG001 - the same for every stack
    """What must be active."""
    return {"memcached.service": FEELS}


def rules(layout: Layout) -> tuple[Rule, ...]:  # noqa: ARG001 - the same for every stack
    """A node that hangs."""
    return (unanswered("memcached", "memcached_up", FEELS),)
