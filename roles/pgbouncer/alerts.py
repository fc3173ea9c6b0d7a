"""What must not happen to pgbouncer."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.alerts.model import Alert, Rule, unanswered
from massive_deploy.topology.layout import Layout

FEELS = "Requests that come to this app server get errors: it reaches no database."


def units(layout: Layout) -> Mapping[str, str]:  # noqa: ARG001 - the same for every stack
    """What must be active."""
    return {"pgbouncer.service": FEELS}


def rules(layout: Layout) -> tuple[Rule, ...]:  # noqa: ARG001 - the same for every stack
    """A pooler that hangs, or that has too few connections."""
    return (
        unanswered("pgbouncer", "pgbouncer_up", FEELS),
        Alert(
            "PoolerClientsWait",
            "sum by (host, database) (pgbouncer_pools_client_waiting_connections) > 0",
            300,
            "warning",
            "{{ $value }} clients wait for a connection to {{ $labels.database }} on {{ $labels.host }}",
            "Slow pages, and errors once a request has waited too long.",
            "massive-deploy status INVENTORY",
        ),
    )
