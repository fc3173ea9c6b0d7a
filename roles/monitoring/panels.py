"""What monitoring shows of itself."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout

from .targets import jobs

FIRING = 'ALERTS{alertstate="firing", alertname!="DeadMansSwitch"}'


def rows(layout: Layout) -> tuple[Row, ...]:
    """Whether everything is looked at, and what that takes."""
    count = sum(len(job.targets) for job in jobs(layout))
    return (
        Row(
            "monitoring",
            "What is looked at",
            (
                Panel(
                    "Targets that answer",
                    (Query("sum(up)", f"of {count}"),),
                    "count",
                    f"Of {count} addresses that are read every {layout.settings['monitoring'].scrape_seconds} s.",
                    limits=Limits(critical=count - 1, below=True),
                ),
                Panel(
                    "Alerts that fire",
                    (Query(f"sum by (alertname) ({FIRING})", "{alertname}"),),
                    "count",
                    "How many hosts or services each alert is about.",
                    kind="stacked",
                    empty="Nothing fires.",
                ),
                Panel(
                    "Slowest answers",
                    (Query("topk(5, scrape_duration_seconds)", "{host} {job}"),),
                    "seconds",
                    "The five targets that took longest to say how they are.",
                    limits=Limits(warning=5),
                ),
            ),
        ),
        Row("monitoring", "Prometheus", _prometheus()),
        Row(
            "monitoring",
            "Alertmanager",
            (
                Panel(
                    "Notifications sent",
                    (
                        Query("sum(rate(alertmanager_notifications_total[$range]))", "sent"),
                        Query("sum(rate(alertmanager_notifications_failed_total[$range]))", "failed"),
                    ),
                    "per second",
                    "To the webhook and to whoever watches from outside. Failed: nobody is told.",
                ),
            ),
        ),
    )


def _prometheus() -> tuple[Panel, ...]:
    return (
        Panel(
            "Samples taken in",
            (Query("sum(rate(prometheus_tsdb_head_samples_appended_total[$range]))", "samples"),),
            "per second",
            "Stays level. At 0 it takes in nothing, as when its clock was ahead and was set back.",
            limits=Limits(critical=0, below=True),
        ),
        Panel(
            "Series",
            (Query("prometheus_tsdb_head_series", "series"),),
            "count",
            "Each takes some KiB of memory. It grows with hosts and services, not with time.",
        ),
        Panel(
            "Memory of Prometheus",
            (Query('process_resident_memory_bytes{job="monitoring-prometheus"}', "memory"),),
            "bytes",
            "Its goal is in the setting `roles: monitoring: memory`.",
        ),
        Panel(
            "Disk that samples take",
            (
                Query(
                    "prometheus_tsdb_storage_blocks_bytes + prometheus_tsdb_wal_storage_size_bytes"
                    " + prometheus_tsdb_head_chunks_storage_size_bytes",
                    "in use",
                ),
                Query("prometheus_tsdb_retention_limit_bytes", "limit"),
            ),
            "bytes",
            "At the limit the oldest samples go.",
        ),
        Panel(
            "Time to judge the alerts",
            (Query("max(prometheus_rule_group_last_duration_seconds)", "slowest group"),),
            "seconds",
            "Must stay far below the time between two looks.",
            limits=Limits(warning=1, critical=5),
        ),
    )
