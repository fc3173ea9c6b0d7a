"""pg_hba: who may connect, from the edges of the layout. What is not listed is refused."""

from __future__ import annotations

from massive_deploy.topology.layout import Layout
from massive_deploy.view import HostView

from .settings import MONITOR_ROLE, REPLICATION_ROLE, REWIND_ROLE

_SERVICE = "postgresql.sql"


def addresses_of_callers(layout: Layout) -> list[str]:
    """Addresses of hosts with another role that connects to PostgreSQL, in the hosts' order, each once."""
    roles = [role for role, calls in layout.calls.items() if role != "postgresql" and _SERVICE in calls]
    return list(dict.fromkeys(host.address for role in sorted(roles) for host in layout.running(role)))


def rules(view: HostView) -> list[str]:
    """Lines of pg_hba.conf. The loopback lines let a former leader see that it must rewind."""
    members = ["127.0.0.1", *(host.address for host in view.cluster.hosts)]
    name = view.layout.database
    return [
        "local all postgres peer",
        f"local postgres,{name} {MONITOR_ROLE} peer map=monitor",
        *(f"host replication {REPLICATION_ROLE} {address}/32 scram-sha-256" for address in members),
        *(f"host postgres {REWIND_ROLE} {address}/32 scram-sha-256" for address in members),
        *(f"host {name} {name} {address}/32 scram-sha-256" for address in addresses_of_callers(view.layout)),
    ]


def identities() -> list[str]:
    """Lines of pg_ident.conf: the exporter's system user is the monitoring role, without a password."""
    return [f"monitor prometheus {MONITOR_ROLE}"]
