"""Panels of the database servers: who leads, what they do."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query
from massive_deploy.topology.layout import Layout


def leaders(layout: Layout) -> tuple[Panel, ...]:
    """How many clusters have a leader."""
    count = len(layout.clusters)
    return (
        Panel(
            "Database leaders",
            (Query("sum(patroni_primary)", f"of {count}"),),
            "count",
            "A cluster without a leader takes no writes; reads go on.",
            kind="stat",
            limits=Limits(critical=count - 1, below=True),
        ),
    )


def own(layout: Layout) -> tuple[Panel, ...]:
    """Patroni's view."""
    largest = max((len(cluster.hosts) for cluster in layout.clusters), default=1)
    return (
        Panel(
            "Leader",
            (Query("patroni_primary"),),
            "on/off",
            "On: this host takes the writes of its cluster. Where one falls and another rises, the leader changed.",
        ),
        Panel(
            "Members that run",
            (Query("sum by (cluster) (patroni_postgres_running)", "{cluster}"),),
            "count",
            "Servers of each cluster that run. One that is missing costs safety before it costs visitors anything.",
            limits=Limits(warning=largest - 1, critical=0, below=True),
        ),
        Panel(
            "Timeline",
            (Query("max by (cluster) (patroni_postgres_timeline)", "{cluster}"),),
            "count",
            "Goes up by one with every change of leader.",
        ),
        Panel(
            "Since etcd was last heard",
            (Query("time() - patroni_dcs_last_seen"),),
            "seconds",
            "A leader that hears nothing for longer than its lock lasts steps down.",
            limits=Limits(warning=30, critical=90),
        ),
    )


def work(only: str = "") -> tuple[Panel, ...]:
    """What the servers do, those that match or all; transactions first."""
    where = f"{{{only}}}" if only else ""
    by = "host" if only else "cluster"
    shown = f"{{{by}}}"
    hit, read = (f"sum by (host) (rate(pg_stat_database_blks_{what}{where}[$range]))" for what in ("hit", "read"))
    return (
        Panel(
            "Transactions",
            (
                Query(
                    f"sum by ({by}) (rate(pg_stat_database_xact_commit{where}[$range])"
                    f" + rate(pg_stat_database_xact_rollback{where}[$range]))",
                    shown,
                ),
            ),
            "per second",
            "Committed and rolled back, on leaders and replicas.",
        ),
        Panel(
            "Connections in use",
            (
                Query(
                    f"sum by (host) (pg_stat_activity_count{where})"
                    f" / on (host) max by (host) (pg_settings_max_connections{where})"
                ),
            ),
            "ratio",
            "Of `max_connections`. The poolers' pools are made to fit; others that connect past them are not.",
            limits=Limits(warning=0.8, critical=0.95),
        ),
        Panel(
            "What connections do",
            (Query(f"sum by (state) (pg_stat_activity_count{where}) > 0", "{state}"),),
            "count",
            "Many that are idle in a transaction: the project holds transactions open while it does something else.",
            kind="stacked",
        ),
        Panel(
            "Longest transaction",
            (Query(f"max by (host) (pg_stat_activity_max_tx_duration{where})"),),
            "seconds",
            "Long ones hold locks, and keep old rows from being cleaned up.",
            limits=Limits(warning=300, critical=3600),
        ),
        Panel(
            "Blocks found in memory",
            (Query(f"{hit} / ({hit} + {read})"),),
            "ratio",
            "The rest was read from disk or from the kernel's cache. Below 99 % for long: more memory helps.",
        ),
        Panel(
            "Deadlocks",
            (Query(f"sum by (host) (increase(pg_stat_database_deadlocks{where}[$range]))"),),
            "count",
            "Transactions that waited for each other; one of them was ended with an error.",
            limits=Limits(warning=1),
        ),
        Panel(
            "Written to temporary files",
            (Query(f"sum by (host) (rate(pg_stat_database_temp_bytes{where}[$range]))"),),
            "bytes/s",
            "Sorts and joins that did not fit `work_mem`.",
        ),
        Panel(
            "WAL written",
            (Query(f"sum by (cluster) (rate(patroni_xlog_location{where}[$range]))", "{cluster}"),),
            "bytes/s",
            "What the leaders write, and every replica must take in.",
        ),
        Panel(
            "Size of the databases",
            (Query(f"max by (cluster) (sum by (host, cluster) (pg_database_size_bytes{where}))", "{cluster}"),),
            "bytes",
            "Of all databases of a cluster together.",
        ),
    )
