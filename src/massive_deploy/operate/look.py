"""The table of one cluster as it is now, and which cluster a command means."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from massive_deploy.errors import MassiveDeployError
from massive_deploy.operate.candidates import Seen, Table, table
from massive_deploy.operate.candidates_script import parse, script

if TYPE_CHECKING:
    from massive_deploy.operate.observe import Session
    from massive_deploy.topology.layout import Cluster, Layout


def the_cluster(layout: Layout, wanted: str) -> Cluster:
    """By number or name; empty means the only one there is.

    Raises:
        MassiveDeployError: no such cluster, or several and none named.
    """
    clusters = layout.clusters
    found = [one for one in clusters if not wanted or wanted in {str(one.number), one.name}]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{one.number} ({one.name})" for one in clusters) or "none"
    what = f"no database cluster '{wanted}'" if wanted else "there are several database clusters"
    raise MassiveDeployError(what, f"name one with --cluster: {known}")


def look(opened: Session, layout: Layout, cluster: Cluster, written: int = 0) -> Table:
    """Ask every member of the cluster at once; `written` as in `candidates.table`."""
    scripts = {host.name: script(layout, host.name) for host in cluster.hosts if host.name in opened.reach}
    outputs = opened.fleet.run_all(dict.fromkeys(scripts, "sh -s"), scripts, timeout=20)
    silent = opened.silent
    told = []
    for host in cluster.hosts:
        output = outputs.get(host.name)
        if output is not None and output.stdout:
            told.append(parse(host.name, output.stdout))
        else:
            told.append(Seen(host.name, error=output.cause if output is not None else silent.get(host.name, "")))
    return table(cluster.name, told, layout.topology.failover.max_lag, written)


def settled(opened: Session, layout: Layout, cluster: Cluster, but: Collection[str] = (), seconds: int = 60) -> Table:
    """The table once one member leads and all others that answer stream from it, or when the seconds are over.

    `but` are members that need not stream.
    """
    end = time.monotonic() + seconds
    while True:
        now = look(opened, layout, cluster)
        if (now.leader and not unsettled(now, but)) or time.monotonic() > end:
            return now
        time.sleep(1)


def unsettled(now: Table, but: Collection[str] = ()) -> list[str]:
    """Replicas that do not answer queries, or do not stream on their leader's timeline."""
    leader = now.row(now.leader)
    timeline = leader.timeline if leader is not None else None
    return [
        row.name
        for row in now.replicas
        if row.name not in but
        and not (row.answers and row.receiving and (row.timeline == timeline or row.timeline is None))
    ]
