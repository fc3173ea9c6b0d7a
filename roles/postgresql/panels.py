"""What the database clusters show of themselves."""

from __future__ import annotations

from massive_deploy.dashboards.model import Panel, Row
from massive_deploy.topology.layout import Layout

from .panels_cluster import leaders, own, work
from .panels_replication import age, replication


def rows(layout: Layout) -> tuple[Row, ...]:
    """Who leads and what is done; replication where there are replicas; a row for each of several clusters."""
    replicated = any(len(cluster.hosts) > 1 for cluster in layout.clusters)
    transactions, *others = work()
    found = [
        Row("overview", "Now", leaders(layout)),
        Row("overview", "Databases", (transactions,)),
        Row("database", "Who leads", own(layout)),
        Row("database", "Work", (transactions, *others)),
    ]
    if replicated:
        found[1:1] = [Row("overview", "Now", (age(layout, "stat"),))]
        found += [Row("overview", "Databases", (age(layout),)), Row("replication", "Replicas", replication(layout))]
    if len(layout.clusters) > 1:
        found += [_shard(layout, number) for number in range(len(layout.clusters))]
    return tuple(found)


def _shard(layout: Layout, index: int) -> Row:
    """One cluster's own row; its title names the logical shards that live there."""
    cluster = layout.clusters[index]
    only = f'cluster="{cluster.name}"'
    panels: tuple[Panel, ...] = (*work(only), *((age(layout, only=only),) if len(cluster.hosts) > 1 else ()))
    held = [shard.name for shard in layout.shards if shard.cluster == cluster.number]
    words = f", {len(held)} logical shards" if layout.shards else ""
    return Row("shards", f"{cluster.name}{words}", panels)
