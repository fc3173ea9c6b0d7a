"""What pgbouncer shows of the pools."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout

OURS = 'database!="pgbouncer"'


def rows(layout: Layout) -> tuple[Row, ...]:  # noqa: ARG001 - databases are found by their names
    """Who waits, how full the pools are, how long queries take."""
    waiting = Panel(
        "Clients that wait for a connection",
        (Query(f"sum by (host) (pgbouncer_pools_client_waiting_connections{{{OURS}}})"),),
        "count",
        "All connections of their pool are busy. Short peaks are what a pool is for; minutes of it mean slow queries, "
        "or a pool that is too small.",
        limits=Limits(warning=5, critical=50),
    )
    return (
        Row("overview", "Databases", (waiting,)),
        Row(
            "pooler",
            "pgbouncer",
            (
                waiting,
                Panel(
                    "Longest wait at this moment",
                    (Query(f"max by (host) (pgbouncer_pools_client_maxwait_seconds{{{OURS}}})"),),
                    "seconds",
                    "How long the first client in the queue has waited. Visitors wait as long.",
                    limits=Limits(warning=1, critical=5),
                ),
                Panel(
                    "Databases whose clients wait most",
                    (
                        Query(
                            f"topk(5, sum by (database) (pgbouncer_pools_client_waiting_connections{{{OURS}}}))",
                            "{database}",
                        ),
                    ),
                    "count",
                    "The pooler's databases: one for each alias of the project, those of replicas end in _ro.",
                ),
                Panel(
                    "Connections to the databases",
                    (
                        Query(f"sum(pgbouncer_pools_server_active_connections{{{OURS}}})", "in a transaction"),
                        Query(f"sum(pgbouncer_pools_server_idle_connections{{{OURS}}})", "free"),
                        Query(f"sum(pgbouncer_pools_server_used_connections{{{OURS}}})", "to be checked"),
                    ),
                    "count",
                    "All poolers together. When none is free, clients wait.",
                    kind="stacked",
                ),
                Panel(
                    "Queries",
                    (Query(f"sum by (host) (rate(pgbouncer_stats_queries_pooled_total{{{OURS}}}[$range]))"),),
                    "per second",
                    "What the project asks, by app server.",
                ),
                Panel(
                    "Time of a query",
                    (
                        Query(
                            f"sum by (host) (rate(pgbouncer_stats_queries_duration_seconds_total{{{OURS}}}[$range]))"
                            f" / sum by (host) (rate(pgbouncer_stats_queries_pooled_total{{{OURS}}}[$range]))"
                        ),
                    ),
                    "seconds",
                    "On average, without the wait for a connection. Nothing is shown while nobody asks.",
                    limits=Limits(warning=0.1, critical=1),
                ),
            ),
        ),
    )
