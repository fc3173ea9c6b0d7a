"""The arithmetic between the poolers' pools and PostgreSQL's max_connections."""

from __future__ import annotations

from collections.abc import Sequence

from massive_deploy.topology.layout import Alias, Cluster, Host, Layout, Sum

from .settings import Settings

HOT = 4
"""A logical shard may take this part of the connections that all of them share."""


def pool_size(layout: Layout) -> int:
    """Server connections of one alias on one app host.

    The replicas' aliases count against the leader as well: without a replica, reads go there.
    """
    settings: Settings = layout.settings["pgbouncer"]
    if settings.pool_size is not None:
        return settings.pool_size
    aliases = max([1, *(len(_aliases(layout, cluster)) for cluster in layout.clusters)])
    poolers = max(1, len(layout.running("pgbouncer")))
    return max(1, (_free(layout) - poolers * shards_share(layout)) // (poolers * aliases))


def shards_share(layout: Layout) -> int:
    """Server connections that the logical shards of one app host share; 0 without such shards.

    A shard that needs one takes it from one that does not, whatever cluster that is in: no cluster can get more.
    """
    if not layout.shards:
        return 0
    settings: Settings = layout.settings["pgbouncer"]
    return settings.shards_pool_size or max(1, _free(layout) // max(1, len(layout.running("pgbouncer"))) // 2)


def shard_pool_size(layout: Layout) -> int:
    """Server connections of one logical shard's alias on one app host."""
    return max(1, shards_share(layout) // HOT)


def sums(layout: Layout) -> Sequence[Sum]:
    """For each cluster: what all poolers may open at most, against what a node accepts."""
    poolers, size = len(layout.running("pgbouncer")), pool_size(layout)
    postgresql = layout.settings["postgresql"]
    found = []
    for cluster in layout.clusters:
        aliases = len(_aliases(layout, cluster))
        share = shards_share(layout)
        of_shards = f"{poolers} app hosts × {share} of all shards + " if share else ""
        formula = (
            f"{poolers} app hosts × {aliases} aliases × pool {size} + {of_shards}"
            f"{postgresql.reserved_connections} reserved ≤ max_connections {postgresql.max_connections}"
        )
        total = poolers * (aliases * size + share) + postgresql.reserved_connections
        found.append(Sum("pools fit max_connections", formula, total, postgresql.max_connections, cluster.name))
    return found


def memory(layout: Layout, host: Host) -> int:  # noqa: ARG001 - the same everywhere
    """MiB: about 4 KiB a client and the process itself, with its exporter."""
    settings: Settings = layout.settings["pgbouncer"]
    return 24 + settings.max_clients // 256


def _aliases(layout: Layout, cluster: Cluster) -> list[Alias]:
    """Those that have connections of their own."""
    return [alias for alias in layout.aliases if alias.cluster == cluster.number and not alias.shard]


def _free(layout: Layout) -> int:
    postgresql = layout.settings["postgresql"]
    free: int = postgresql.max_connections - postgresql.reserved_connections
    return free
