"""pg_hba: who may connect, from the edges of the layout. What is not listed is refused."""

from __future__ import annotations

from massive_deploy.environment import POOLER_ROLE
from massive_deploy.topology.layout import Layout
from massive_deploy.view import HostView

from .lag import USER as LAG_USER
from .settings import HEARTBEAT_ROLE, MONITOR_ROLE, MOVER_ROLE, REPLICATION_ROLE, REWIND_ROLE

_SERVICE = "postgresql.sql"


def addresses_of_callers(layout: Layout) -> list[str]:
    """Addresses of hosts with another role that connects to PostgreSQL, in the hosts' order, each once."""
    roles = [role for role, calls in layout.calls.items() if role != "postgresql" and _SERVICE in calls]
    return list(dict.fromkeys(host.address for role in sorted(roles) for host in layout.running(role)))


def rules(view: HostView) -> list[str]:
    """Lines of pg_hba.conf. The loopback lines let a former leader see that it must rewind."""
    members = ["127.0.0.1", *(host.address for host in view.cluster.hosts)]
    name = view.layout.database
    users = [name, *([view.layout.shards_role] if view.layout.shards else [])]
    return [
        "local all postgres peer",
        f"local postgres,{name} {MONITOR_ROLE} peer map=monitor",
        f"local postgres {HEARTBEAT_ROLE} peer map=monitor",
        *(f"host replication {REPLICATION_ROLE} {address}/32 scram-sha-256" for address in members),
        *(f"host postgres {REWIND_ROLE} {address}/32 scram-sha-256" for address in members),
        *(
            f"host {name} {user} {address}/32 scram-sha-256"
            for user in users
            for address in addresses_of_callers(view.layout)
        ),
        *(f"host {name} {MOVER_ROLE} {address}/32 scram-sha-256" for address in _other_clusters(view)),
        *_reporting(view),
        # pgPool watches the nodes itself.
        *(f"host postgres {POOLER_ROLE} {host.address}/32 scram-sha-256" for host in view.running("pgpool")),
    ]


def _reporting(view: HostView) -> list[str]:
    """The first cluster's reporting database: asked by the project, and asking its own cluster as it asks others."""
    name, reports = view.layout.database, view.layout.reporting_database
    if not reports or view.cluster.number != 1:
        return []
    return [
        *(f"host {reports} {name} {address}/32 scram-sha-256" for address in addresses_of_callers(view.layout)),
        *(f"host {name} {MOVER_ROLE} {host.address}/32 scram-sha-256" for host in view.cluster.hosts),
    ]


def _other_clusters(view: HostView) -> list[str]:
    """Nodes that fetch logical shards from here."""
    others = [cluster for cluster in view.clusters if cluster.number != view.cluster.number]
    return [host.address for cluster in others for host in cluster.hosts] if view.layout.shards else []


def identities() -> list[str]:
    """Lines of pg_ident.conf: the exporter's and the lag service's system users need no password."""
    return [f"monitor prometheus {MONITOR_ROLE}", f"monitor {LAG_USER} {HEARTBEAT_ROLE}"]
