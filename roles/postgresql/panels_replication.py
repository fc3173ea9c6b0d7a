"""Panels of the replicas: how old their data are, and why."""

from __future__ import annotations

from massive_deploy.dashboards.model import Kind, Limits, Panel, Query
from massive_deploy.topology.layout import Layout


def age(layout: Layout, kind: Kind = "lines", only: str = "") -> Panel:
    """How late the replicas are in seconds, with the topology's own limits."""
    where = f"{{{only}}}" if only else ""
    reads, alert = layout.topology.reads.max_age, layout.topology.alert.lag
    query = Query(f"massive_replication_age_seconds{where}")
    if kind == "stat":
        query = Query(f"max({query.promql})", "oldest")
    return Panel(
        "Oldest replica" if kind == "stat" else "Age of the replicas' data",
        (query,),
        "seconds",
        f"0 on a leader. Beyond {reads} s a replica gets no reads, beyond {alert} s there is an alert. ∞: it receives "
        "nothing, however little it has missed.",
        kind=kind,
        limits=Limits(warning=reads, critical=max(reads, alert)),
    )


def replication(layout: Layout) -> tuple[Panel, ...]:
    """What the replication page shows."""
    most = layout.topology.reads.max_lag
    kept = layout.settings["postgresql"].wal_kept_for_slots * 1024**2
    return (
        age(layout),
        Panel(
            "Behind the leader",
            (Query("massive:replica_lag_bytes"),),
            "bytes",
            "WAL that the leader had written one look ago and the replica has not replayed.",
            limits=Limits(warning=most),
        ),
        Panel(
            "Receives from the leader",
            (Query("massive_replication_receiving"),),
            "on/off",
            "Off: the connection to the leader is cut. Shown of replicas only.",
            limits=Limits(critical=0, below=True),
        ),
        Panel(
            "Fit for reads",
            (Query("massive_replication_fit"),),
            "on/off",
            "On: balancers send reads there. Leaders are off; they serve reads only when no replica is fit.",
        ),
        Panel(
            "Replay",
            (Query("rate(patroni_xlog_replayed_location[$range])"),),
            "bytes/s",
            "How fast replicas replay WAL. One that stays below the others falls behind.",
        ),
        Panel(
            "Replay is paused",
            (Query("patroni_xlog_paused"),),
            "on/off",
            "On: someone has paused it by hand. Type on the host: `SELECT pg_wal_replay_resume()`.",
            limits=Limits(warning=1),
        ),
        Panel(
            "WAL kept for replicas",
            (
                Query(
                    "max by (host, slot_name) (pg_replication_slots_pg_wal_lsn_diff"
                    " and on (host) patroni_primary == 1)",
                    "{host} for {slot_name}",
                ),
            ),
            "bytes",
            "What the leader may not throw away because a replica has not taken it. At the limit it is thrown away all "
            "the same, and the replica has to be made anew.",
            limits=Limits(warning=kept // 2, critical=kept),
        ),
    )
