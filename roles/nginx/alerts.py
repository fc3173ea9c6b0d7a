"""What must not happen to the edge's nginx."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.alerts.model import Rule, unanswered
from massive_deploy.topology.layout import Layout

FEELS = "Visitors that come to this edge server get no answer at all."


def units(layout: Layout) -> Mapping[str, str]:  # noqa: ARG001 - the same for every stack
    """What must be active."""
    return {"nginx.service": FEELS}


def rules(layout: Layout) -> tuple[Rule, ...]:  # noqa: ARG001 - the same for every stack
    """A server that hangs."""
    return (unanswered("nginx", "nginx_up", FEELS),)
