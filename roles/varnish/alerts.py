"""What must not happen to Varnish and to the app servers behind it."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.alerts.model import Alert, Rule, unanswered
from massive_deploy.topology.layout import Layout

FEELS = "At this edge server: pages that nginx still has are shown as they were, all others are error pages."


def units(layout: Layout) -> Mapping[str, str]:  # noqa: ARG001 - the same for every stack
    """What must be active."""
    return {"varnish.service": FEELS}


def rules(layout: Layout) -> tuple[Rule, ...]:  # noqa: ARG001 - the same for every stack
    """A cache that hangs, or that has nobody to ask."""
    return (
        unanswered("varnish", "varnish_up", FEELS),
        Alert(
            "CacheHasNoBackend",
            "max by (host) (varnish_backend_up) == 0",
            30,
            "critical",
            "Varnish on {{ $labels.host }} sees no healthy app host",
            "Kept pages are shown as they were; everything else is an error page, and nobody can log in or order.",
            "massive-deploy status INVENTORY",
        ),
        Alert(
            "CacheBackendSick",
            # A reload leaves backends of the program before it for a while; what they were is no news.
            "max by (host, backend) (varnish_backend_up) == 0",
            120,
            "warning",
            "Varnish on {{ $labels.host }} sees {{ $labels.backend }} as sick",
            "Nothing as long as the other app servers carry the load. Drained servers are seen so, too.",
            "massive-deploy logs INVENTORY --roles app --since 15m",
        ),
    )
