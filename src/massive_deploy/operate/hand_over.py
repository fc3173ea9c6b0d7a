"""Leadership leaves a host before the host does: a planned switchover, asked of Patroni."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from massive_deploy.errors import HostFailure, HostsFailed, Refused

if TYPE_CHECKING:
    from massive_deploy.engine.transport import Fleet
    from massive_deploy.operate.observe import Session
    from massive_deploy.operate.prepare import Prepared
    from massive_deploy.targets import Say
    from massive_deploy.topology.layout import Cluster, Layout

SECONDS = 60


def hand_over(opened: Session, prepared: Prepared, say: Say) -> None:
    """Move leadership of every cluster from hosts that leave the topology to one that stays.

    Raises:
        Refused: no staying replica streams; nothing was changed.
        HostsFailed: Patroni did not switch within a minute.
    """
    layout = prepared.inventory.layout
    leaving = {host.name for host in layout.leaving}
    clusters = {host.cluster for host in layout.leaving}
    for cluster in layout.clusters:
        staying = [host.name for host in cluster.hosts if host.name in opened.reach]
        if cluster.number not in clusters or not staying:
            continue
        asked = staying[0]
        members = _members(opened.fleet, layout, asked)
        leader = next((name for name, one in members.items() if one["role"] == "leader"), "")
        if not leader:
            raise Refused(
                f"{asked} does not know who leads database cluster {cluster.name}: it may be a host that leaves",
                f"see: massive-deploy status {prepared.inventory.folder}",
            )
        if leader in leaving:
            candidate = _candidate(cluster, leader, members)
            _switch(opened.fleet, layout, asked, {"leader": leader, "candidate": candidate}, prepared)
            _wait(opened.fleet, layout, candidate)
            say(f"database cluster {cluster.name}: {candidate} leads now, {leader} leaves")


def _url(layout: Layout, host: str, path: str) -> str:
    return f"http://{layout.host(host).address}:{layout.port('postgresql', 'rest')}/{path}"


def _members(fleet: Fleet, layout: Layout, host: str) -> Mapping[str, Mapping[str, Any]]:
    output = fleet.run(host, f"curl -fsS --max-time 5 {_url(layout, host, 'cluster')}")
    try:
        return {member["name"]: member for member in json.loads(output.stdout)["members"]}
    except (ValueError, KeyError):
        return {}


def _candidate(cluster: Cluster, leader: str, members: Mapping[str, Mapping[str, Any]]) -> str:
    told = {host.name: members[host.name] for host in cluster.hosts if host.name in members}
    fit = [name for name, one in told.items() if one["state"] == "streaming" and one.get("lag") != "unknown"]
    if not fit:
        raise Refused(
            f"{leader} leads database cluster {cluster.name}, and no replica that stays is fit to take over",
            "see: massive-deploy status; wait until a staying replica streams",
        )
    return min(fit, key=lambda name: told[name].get("lag", 0))


def _switch(fleet: Fleet, layout: Layout, host: str, wish: Mapping[str, str], prepared: Prepared) -> None:
    login = f"patroni:{prepared.secrets('postgresql/rest')}"
    config = f'url = "{_url(layout, host, "switchover")}"\nuser = "{login}"\ndata = {json.dumps(json.dumps(wish))}\n'
    output = fleet.run(host, "curl -fsS --max-time 90 --config -", stdin=config, timeout=120)
    if not output.ok:
        raise HostsFailed([HostFailure(wish["leader"], "hand over", "switchover", output.cause)])


def _wait(fleet: Fleet, layout: Layout, leader: str) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        members = _members(fleet, layout, leader)
        if members.get(leader, {}).get("role") == "leader" and members[leader]["state"] == "running":
            return
        time.sleep(1)
    raise HostsFailed([HostFailure(leader, "hand over", "switchover", f"does not lead after {SECONDS} s")])
