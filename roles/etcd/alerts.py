"""What must not happen to etcd."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.alerts.model import Alert, Rule, logs
from massive_deploy.topology.layout import Layout

FEELS = "Nothing as long as all is well with the databases. With too few members left no cluster can change its leader."


def units(layout: Layout) -> Mapping[str, str]:  # noqa: ARG001 - the same for every stack
    """What must be active."""
    return {"etcd.service": FEELS}


def rules(layout: Layout) -> tuple[Rule, ...]:  # noqa: ARG001 - the same for every stack
    """Members that follow nobody."""
    return (
        Alert(
            "QuorumHasNoLeader",
            "etcd_server_has_leader == 0",
            30,
            "critical",
            "etcd on {{ $labels.host }} sees no leader",
            "Nothing as long as all is well with the databases. No cluster can change its leader now.",
            logs("etcd"),
        ),
    )
