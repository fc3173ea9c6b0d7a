"""The arithmetic between Django's processes, pgPool's sessions and PostgreSQL's max_connections."""

from __future__ import annotations

from collections.abc import Sequence

from massive_deploy.environment import PGPOOL_OTHERS, aliases_at_most, pgpool_least, pgpool_sessions, processes
from massive_deploy.topology.layout import Host, Layout, Sum

WATCHING = 3
"""Connections of one pgPool to each node besides the sessions': health check, replication check, keeper."""


def sums(layout: Layout) -> Sequence[Sum]:
    """For each cluster: what all poolers may open at most, against what a node accepts. Then for each app host: the
    sessions its processes need with a cluster at least, against those it has."""
    poolers, sessions = len(layout.running("pgpool")), pgpool_sessions(layout)
    postgresql = layout.settings["postgresql"]
    formula = (
        f"{poolers} app hosts × ({sessions} sessions + {WATCHING} that watch)"
        f" + {postgresql.reserved_connections} reserved ≤ max_connections {postgresql.max_connections}"
    )
    total = poolers * (sessions + WATCHING) + postgresql.reserved_connections
    opened = [
        Sum("sessions fit max_connections", formula, total, postgresql.max_connections, cluster.name)
        for cluster in layout.clusters
    ]
    return [*opened, *(_held(layout, host, sessions) for host in layout.running("pgpool"))]


def _held(layout: Layout, host: Host, sessions: int) -> Sum:
    web, celery = processes(layout, host)
    formula = (
        f"({web} web + {celery} Celery processes) × {aliases_at_most(layout)} aliases + {PGPOOL_OTHERS} others"
        f" ≤ sessions {sessions} (they grow with postgresql's max_connections)"
    )
    return Sum("processes fit sessions", formula, pgpool_least(layout, host), sessions, host.name)


def memory(layout: Layout, host: Host) -> int:  # noqa: ARG001 - the same everywhere
    """MiB of all clusters' instances: the parent and its helpers, a process for each session, the keeper."""
    return len(layout.clusters) * (48 + 2 * pgpool_sessions(layout))
