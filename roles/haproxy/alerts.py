"""What must not happen to HAProxy and to what is behind it."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.alerts.model import Alert, Rule, logs
from massive_deploy.topology.layout import Layout


def units(layout: Layout) -> Mapping[str, str]:  # noqa: ARG001 - the same for every stack
    """What must be active."""
    return {"haproxy.service": "Requests that come to this app server get errors: it reaches no database and no Redis."}


def rules(layout: Layout) -> tuple[Rule, ...]:
    """Backends without a server."""
    down = Alert(
        "BalancerBackendDown",
        'haproxy_backend_status{state="DOWN", proxy=~"leader-.*|redis"} == 1',
        60,
        "critical",
        "HAProxy on {{ $labels.host }} has no server for {{ $labels.proxy }}",
        "leader-N: nothing can be saved. redis: sessions are lost and no task is taken in.",
        "massive-deploy status INVENTORY",
    )
    if not layout.topology.replicas:
        return (down,)
    reads = Alert(
        "ReadsOnLeader",
        'haproxy_backend_status{state="DOWN", proxy=~"streaming-.*"} == 1',
        300,
        "warning",
        "HAProxy on {{ $labels.host }} has no fit replica for {{ $labels.proxy }}: the leader serves the reads",
        "Nothing at quiet times; slower pages when the leader cannot carry reads and writes alone.",
        logs("postgresql", everywhere=True),
    )
    return (down, reads)
