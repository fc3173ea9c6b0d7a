"""A status for people (rich tables) and for machines (JSON)."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from massive_deploy.operate.status import HostStatus, Status, Unit
from massive_deploy.operate.status_database import Member
from massive_deploy.operate.units import size


def tables(status: Status, inventory: str = "INVENTORY") -> RenderableType:
    """Hosts with their units, clusters with their members, releases, addresses. `inventory` is for what to type."""
    shown: list[RenderableType] = [_hosts(status)]
    if status.clusters:
        shown += [Text(), _clusters(status)]
        shown += [Text(f"{m.name} is stuck: {advice(m, inventory)}", "bold red") for m in _stuck(status)]
    if status.releases:
        shown.append(Text())
        shown += [Text(f"release {name} on {', '.join(hosts)}") for name, hosts in status.releases.items()]
    if status.urls:
        shown += [Text(), _urls(status)]
    return Group(*shown)


def _stuck(status: Status) -> list[Member]:
    return [member for cluster in status.clusters for member in cluster.members if member.stuck]


def advice(member: Member, inventory: str) -> str:
    """What makes a stuck replica whole."""
    return f"massive-deploy reinit {inventory} {member.name}"


def _plain(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="dim", pad_edge=False)


def _hosts(status: Status) -> Table:
    table = _plain("host", "up", "load", "memory", "units")
    for host in status.hosts:
        if host.error:
            table.add_row(host.name, Text("?", "bold red"), "", "", Text(host.error, "bold red"))
        else:
            load = "?" if math.isnan(host.load) else f"{host.load:.2f}"
            table.add_row(host.name, duration(host.uptime), load, memory(host), _units(host.units))
    return table


def _units(units: tuple[Unit, ...]) -> Text:
    return Text(" ").join(
        Text(unit.name, "green")
        if unit.good
        else Text(f"{unit.name}:{unit.active if unit.load == 'loaded' else unit.load}", "bold red")
        for unit in units
    )


def _clusters(status: Status) -> Table:
    table = _plain("cluster", "member", "role", "state", "timeline", "behind", "")
    for cluster in status.clusters:
        for number, member in enumerate(cluster.members):
            good = member.state in ("running", "streaming") and member.lag_seconds != math.inf
            table.add_row(
                cluster.name if number == 0 else "",
                member.name,
                Text(member.role, "bold" if member.leads else ""),
                Text(member.state, "green" if good else "bold red"),
                "?" if member.timeline is None else str(member.timeline),
                "" if member.leads else size(member.lag_bytes),
                "" if member.leads else behind(member),
            )
        if cluster.leader is None:
            table.add_row(cluster.name, Text("no single leader", "bold red"))
    return table


def _urls(status: Status) -> Table:
    table = _plain("where", "address")
    for name, url in status.urls.items():
        table.add_row(name, url)
    return table


def duration(seconds: float) -> str:
    """Whole days, hours or minutes, whichever says something."""
    if math.isnan(seconds):
        return "?"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def behind(member: Member) -> Text:
    """A replica's lag in seconds."""
    if member.lag_seconds is None:
        return Text("? s", "yellow")
    if member.lag_seconds == math.inf:
        return Text("receives nothing", "bold red")
    return Text(f"{member.lag_seconds:.1f} s")


def memory(host: HostStatus) -> str:
    """Used of total memory."""
    if not host.memory_total_mb:
        return "?"
    return (
        f"{size((host.memory_total_mb - host.memory_available_mb) * 1024**2)} of {size(host.memory_total_mb * 1024**2)}"
    )


def to_json(status: Status, inventory: str = "INVENTORY") -> dict[str, Any]:
    """Everything, as JSON takes it. Unknown figures are null, as is an infinite lag (`receiving` is then false); a
    stuck replica has `advice`, what to type."""
    data: dict[str, Any] = _finite({"good": status.good, **asdict(status)})
    for cluster, shown in zip(status.clusters, data["clusters"], strict=True):
        shown |= {"leader": cluster.leader, "good": cluster.good}
        for member, row in zip(cluster.members, shown["members"], strict=True):
            if member.stuck:
                row["advice"] = advice(member, inventory)
            row["receiving"] = None if member.leads else member.lag_seconds != math.inf
    return data


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return value
