"""What is known of pgPool-II: whether it runs. It has no exporter in Debian."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout


def rows(layout: Layout) -> tuple[Row, ...]:
    """Whether each cluster's pooler and its keeper run on each app server."""
    hosts = "|".join(host.name for host in layout.running("pgpool"))
    return (
        Row(
            "pooler",
            "pgPool-II",
            (
                Panel(
                    "Poolers that run",
                    (
                        Query(
                            f'node_systemd_unit_state{{name=~"pgpool(-keeper)?@.*", state="active", host=~"{hosts}"}}',
                            "{host} {name}",
                        ),
                    ),
                    "on/off",
                    "One for each database cluster on each app server, and the keeper that tells it who leads.",
                    limits=Limits(critical=0, below=True),
                    needs=("node_exporter",),
                ),
            ),
        ),
    )
