"""What etcd shows of itself."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout


def rows(layout: Layout) -> tuple[Row, ...]:  # noqa: ARG001 - the same for every stack
    """Whether Patroni can decide who leads."""
    return (
        Row(
            "database",
            "etcd",
            (
                Panel(
                    "Members with a leader",
                    (Query("etcd_server_has_leader"),),
                    "on/off",
                    "Off: this member is cut off from the others. Without a majority no database cluster can change "
                    "its leader, and leaders step down.",
                    limits=Limits(critical=0, below=True),
                ),
                Panel(
                    "Time to write",
                    (
                        Query(
                            "rate(etcd_disk_wal_fsync_duration_seconds_sum[$range])"
                            " / rate(etcd_disk_wal_fsync_duration_seconds_count[$range])"
                        ),
                    ),
                    "seconds",
                    "How long its disk takes to keep a change, on average. Slow disks make leaders lose their lock.",
                    limits=Limits(warning=0.05, critical=0.5),
                ),
                Panel(
                    "Changes of its leader",
                    (Query("increase(etcd_server_leader_changes_seen_total[$range])"),),
                    "count",
                    "None on a healthy network. Patroni keeps its leaders meanwhile.",
                ),
            ),
        ),
    )
