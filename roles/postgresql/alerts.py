"""What must not happen to a database cluster."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.alerts.model import Alert, Rule, logs, unanswered
from massive_deploy.topology.layout import Cluster, Layout

from . import alerts_replicas

FEELS = "A leader: nothing can be saved until another node leads. A replica: slower pages at most."
STATUS = "massive-deploy status INVENTORY"


def units(layout: Layout) -> Mapping[str, str]:  # noqa: ARG001 - the same for every stack
    """What must be active."""
    return {"patroni.service": FEELS}


def rules(layout: Layout) -> tuple[Rule, ...]:
    """Clusters that are not whole, and replicas that are behind."""
    replicated = any(len(cluster.hosts) > 1 for cluster in layout.clusters)
    return (
        *(alerts_replicas.rules(layout) if replicated else ()),
        *(rule for cluster in layout.clusters for rule in _cluster(cluster)),
        *_every_cluster(),
        unanswered(
            "postgresql",
            "pg_up",
            FEELS,
        ),
    )


def _cluster(cluster: Cluster) -> tuple[Rule, ...]:
    where, count, labels = f'{{cluster="{cluster.name}"}}', len(cluster.hosts), {"cluster": cluster.name}
    return (
        Alert(
            "ClusterHasNoLeader",
            f"(max(patroni_primary{where}) or vector(0)) < 1",
            30,
            "critical",
            f"{cluster.name} has no leader: nothing can be written",
            "Nobody can save anything; what is saved in these seconds fails. Kept pages are shown, and reads go on.",
            STATUS,
            labels,
        ),
        Alert(
            "ClusterIncomplete",
            f"(sum(patroni_postgres_running{where}) or vector(0)) < {count}",
            60,
            "warning",
            f"{{{{ $value }}}} of {count} members of {cluster.name} run",
            "Nothing yet. With one member more away, writes may wait or the cluster be without a leader.",
            STATUS,
            labels,
        ),
    )


def _every_cluster() -> tuple[Rule, ...]:
    timeline = "max by (cluster) (patroni_postgres_timeline{})"
    return (
        Alert(
            "ClusterHasTwoLeaders",
            "sum by (cluster) (patroni_primary) > 1",
            60,
            "critical",
            "{{ $labels.cluster }} has {{ $value }} leaders",
            "What is saved may be lost again: each leader knows of its own writes alone.",
            STATUS,
        ),
        Alert(
            "LeaderChanged",
            # A new leader begins a new timeline.
            f"({timeline.format('')} > {timeline.format(' offset 10m')})"
            " * on (cluster) group_right () (patroni_primary == 1)",
            0,
            "warning",
            "{{ $labels.host }} leads {{ $labels.cluster }} since less than ten minutes ago (timeline {{ $value }})",
            "What was saved while nobody led may have failed: for up to half a minute. Planned, nothing failed.",
            logs("postgresql", everywhere=True),
        ),
        Alert(
            "DcsLost",
            "time() - patroni_dcs_last_seen > 30",
            15,
            "critical",
            "Patroni on {{ $labels.host }} has not reached etcd for {{ $value | humanizeDuration }}",
            "A leader that reaches neither etcd nor its replicas stops taking writes.",
            logs("etcd", everywhere=True),
        ),
    )
