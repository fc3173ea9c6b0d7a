"""What must not happen to replicas."""

from __future__ import annotations

from massive_deploy.alerts.model import Alert, Record, Rule
from massive_deploy.topology.layout import Layout

JOURNAL = "massive-deploy logs INVENTORY --hosts {{ $labels.host }} --unit patroni --since 15m"
BEHIND = "massive:replica_lag_bytes"
FEELS = (
    "Beyond {age} s it gets no reads: other replicas or the leader serve them, and pages get slower. "
    "After a failover to it, what it has not received is lost."
)


def rules(layout: Layout) -> tuple[Rule, ...]:
    """Replicas that are late, in bytes and in seconds, and those that receive or replay nothing."""
    reads, limit = layout.topology.reads, layout.topology.alert.lag
    feels = FEELS.format(age=reads.max_age)
    return (
        # What the leader had written one scrape ago and the replica has not replayed now: hosts are read at different
        # moments, and this way a difference is real. An exporter's own lag metric reads 0 when the network is cut.
        Record(
            BEHIND,
            "clamp_min(max by (cluster) (patroni_xlog_location offset "
            f"{layout.settings['monitoring'].scrape_seconds}s) - on (cluster) group_right () "
            "(patroni_xlog_replayed_location and on (cluster, host) patroni_replica == 1), 0)",
        ),
        Alert(
            "ReplicaBehind",
            f"{BEHIND} > {reads.max_lag}",
            60,
            "warning",
            "{{ $labels.host }} is {{ $value | humanize1024 }}B behind the leader of {{ $labels.cluster }}",
            feels,
            "massive-deploy status INVENTORY",
        ),
        Alert(
            "ReplicaDataOld",
            # The node's own clock of what it has replayed: +Inf when it receives nothing, as silence is not freshness.
            f"massive_replication_age_seconds > {limit}",
            60,
            "critical",
            "{{ $labels.host }} {{ if gt $value 1e9 }}receives nothing from the leader of {{ $labels.cluster }}"
            "{{ else }}shows data that are {{ $value | humanize }} s old{{ end }} "
            f"(limit {limit} s)",
            feels,
            JOURNAL,
        ),
        Alert(
            "ReplicaNotStreaming",
            "patroni_replica == 1 and on (cluster, host) patroni_postgres_streaming == 0",
            60,
            "critical",
            "{{ $labels.host }} receives nothing from the leader of {{ $labels.cluster }}",
            feels,
            JOURNAL,
        ),
        Alert(
            "ReplayPaused",
            "patroni_xlog_paused == 1",
            300,
            "warning",
            "Replay is paused on {{ $labels.host }}",
            feels,
            "massive-deploy exec INVENTORY --hosts {{ $labels.host }} -- runuser -u postgres -- "
            "psql -c 'SELECT pg_wal_replay_resume()'",
        ),
    )
