"""What Redis shows of itself."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout

QUEUES = Panel(
    "Tasks that wait",
    (Query("sum by (key) (redis_script_values)", "{key}"),),
    "count",
    "In each of Celery's queues. One that only grows has too few workers, or none.",
)


def rows(layout: Layout) -> tuple[Row, ...]:
    """Memory, work and what was refused; queues where there are workers."""
    queues = (Row("app", "Celery", (QUEUES,)),) if layout.topology.app.worker else ()
    return (
        *queues,
        Row(
            "cache",
            "Redis",
            (
                Panel(
                    "Memory in use",
                    (Query("redis_memory_used_bytes / (redis_memory_max_bytes > 0)"),),
                    "ratio",
                    "Of what it may take. Nothing is evicted: when it is full, sessions and tasks are refused.",
                    limits=Limits(warning=0.8, critical=0.9),
                ),
                Panel(
                    "Commands",
                    (Query("rate(redis_commands_processed_total[$range])"),),
                    "per second",
                    "What sessions and the task queue ask for.",
                ),
                Panel(
                    "Clients",
                    (Query("redis_connected_clients"),),
                    "count",
                    "Connections of the project's processes. One that only grows is a leak.",
                ),
                Panel(
                    "Keys",
                    (Query("sum by (host) (redis_db_keys)"),),
                    "count",
                    "Sessions, and tasks that wait.",
                ),
                Panel(
                    "Refused connections",
                    (Query("rate(redis_rejected_connections_total[$range])"),),
                    "per second",
                    "More clients than Redis takes. Always 0 on a healthy stack.",
                    limits=Limits(warning=0.01),
                ),
                Panel(
                    "Written to disk",
                    (Query("redis_aof_last_write_status"),),
                    "on/off",
                    "Off: the last write of its log failed, and what was not written is lost when Redis is restarted.",
                    limits=Limits(critical=0, below=True),
                ),
            ),
        ),
    )
