"""The arithmetic between the poolers' pools and PostgreSQL's max_connections."""

from __future__ import annotations

from collections.abc import Sequence

from massive_deploy.topology.layout import Alias, Cluster, Host, Layout, Sum

from .settings import Settings


def pool_size(layout: Layout) -> int:
    """Server connections of one alias on one app host.

    The replicas' aliases count against the leader as well: without a replica, reads go there.
    """
    settings: Settings = layout.settings["pgbouncer"]
    if settings.pool_size is not None:
        return settings.pool_size
    aliases = max((len(_aliases(layout, cluster)) for cluster in layout.clusters), default=1)
    return max(1, _free(layout) // max(1, len(layout.running("pgbouncer")) * aliases))


def sums(layout: Layout) -> Sequence[Sum]:
    """For each cluster: what all poolers may open at most, against what a node accepts."""
    poolers, size = len(layout.running("pgbouncer")), pool_size(layout)
    postgresql = layout.settings["postgresql"]
    found = []
    for cluster in layout.clusters:
        aliases = len(_aliases(layout, cluster))
        formula = (
            f"{poolers} app hosts × {aliases} aliases × pool {size} + {postgresql.reserved_connections} reserved"
            f" ≤ max_connections {postgresql.max_connections}"
        )
        total = poolers * aliases * size + postgresql.reserved_connections
        found.append(Sum("pools fit max_connections", formula, total, postgresql.max_connections, cluster.name))
    return found


def memory(layout: Layout, host: Host) -> int:  # noqa: ARG001 - the same everywhere
    """MiB: about 4 KiB a client and the process itself, with its exporter."""
    settings: Settings = layout.settings["pgbouncer"]
    return 24 + settings.max_clients // 256


def _aliases(layout: Layout, cluster: Cluster) -> list[Alias]:
    return [alias for alias in layout.aliases if alias.cluster == cluster.number]


def _free(layout: Layout) -> int:
    postgresql = layout.settings["postgresql"]
    free: int = postgresql.max_connections - postgresql.reserved_connections
    return free
