"""What the app servers show of the releases they run."""

from __future__ import annotations

from massive_deploy.dashboards.model import Panel, Query, Row
from massive_deploy.topology.layout import Layout


def rows(layout: Layout) -> tuple[Row, ...]:  # noqa: ARG001 - the same for every stack
    """How long each server has run its release."""
    return (
        Row(
            "app",
            "Releases",
            (
                Panel(
                    "Age of the running release",
                    (
                        Query(
                            "time() - max by (host, release) (massive_release_live_timestamp_seconds)",
                            "{host} {release}",
                        ),
                    ),
                    "seconds",
                    "Since when each server runs its release. Every chart shows releases as dashed lines; servers "
                    "whose lines do not start together run different releases.",
                    needs=("node_exporter",),
                ),
            ),
        ),
    )
