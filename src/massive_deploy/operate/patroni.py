"""Patroni's REST interface, asked from the database hosts themselves, and its answers as values."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from massive_deploy.engine.step import Output
    from massive_deploy.engine.transport import Fleet
    from massive_deploy.topology.layout import Layout

PASSWORD = "postgresql/rest"  # noqa: S105 - the secret's name


@dataclass(frozen=True, slots=True)
class PatroniMember:
    """A row of `GET /cluster`: as old as the last loop of the member that was asked. `lag` is in bytes of WAL."""

    name: str
    role: str
    state: str
    timeline: int | None
    lag: int | None = field(default=None, compare=False)
    pending_restart: bool = field(default=False, compare=False)

    @property
    def leads(self) -> bool:
        """Whether it holds the leader's lock."""
        return self.role in {"leader", "standby_leader"}

    @property
    def streams(self) -> bool:
        """Whether it is a replica that receives from the leader."""
        return self.state == "streaming"


@dataclass(frozen=True, slots=True)
class Node:
    """`GET /patroni`: what one node's Patroni knows of its own server at this moment. `position` is in bytes of WAL:
    written on a leader, replayed on a replica. `started` is when the server started; empty while it is down."""

    role: str
    state: str
    timeline: int | None
    position: int
    received: int
    streams: bool
    synchronous: bool
    pending_restart: bool
    paused: bool
    tags: Mapping[str, Any] = field(default_factory=dict)
    started: str = ""

    @property
    def leads(self) -> bool:
        """Whether its server takes writes."""
        return self.role in {"primary", "master"} and self.state == "running"


def members(text: str) -> tuple[PatroniMember, ...]:
    """The members from the text of `GET /cluster`; none when it is not such a text."""
    rows = json_object(text).get("members", [])
    return tuple(_member(row) for row in rows if isinstance(row, dict) and "name" in row)


def _member(row: Mapping[str, Any]) -> PatroniMember:
    return PatroniMember(
        name=str(row["name"]),
        role=str(row.get("role", "unknown")),
        state=str(row.get("state", "unknown")),
        timeline=_number(row.get("timeline")),
        lag=_number(row.get("lag")),
        pending_restart=bool(row.get("pending_restart", False)),
    )


def node(text: str) -> Node | None:
    """The node from the text of `GET /patroni`; None when it is not such a text."""
    told = json_object(text)
    if "state" not in told:
        return None
    wal = told.get("xlog", {})
    return Node(
        role=str(told.get("role", "unknown")),
        state=str(told["state"]),
        timeline=_number(told.get("timeline")),
        position=_number(wal.get("location", wal.get("replayed_location"))) or 0,
        received=_number(wal.get("received_location")) or 0,
        streams=told.get("replication_state") == "streaming",
        synchronous=bool(told.get("sync_standby") or told.get("quorum_standby")),
        pending_restart=bool(told.get("pending_restart", False)),
        paused=bool(told.get("pause", False)),
        tags=_dict(told.get("tags")),
        started=str(told.get("postmaster_start_time") or ""),
    )


def json_object(text: str) -> dict[str, Any]:
    """The JSON object that a host printed; empty when it is not one."""
    try:
        return _dict(json.loads(text))
    except ValueError:
        return {}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Patroni:
    """The clusters of a layout, asked over open connections. `secret` looks a password up by its name."""

    fleet: Fleet
    layout: Layout
    secret: Callable[[str], str]

    def url(self, host: str, path: str) -> str:
        """Address of a path of that host's Patroni."""
        return f"http://{self.layout.host(host).address}:{self.layout.port('postgresql', 'rest')}/{path}"

    def members(self, host: str) -> Mapping[str, PatroniMember]:
        """Members of the host's cluster by name, as it sees them; none when it does not answer."""
        return {member.name: member for member in members(self._get([host], "cluster").get(host, ""))}

    def nodes(self, hosts: Iterable[str]) -> Mapping[str, Node]:
        """What each host's Patroni says of its own server, all asked at once; without those that do not answer."""
        found = {host: node(text) for host, text in self._get(hosts, "patroni").items()}
        return {host: one for host, one in found.items() if one is not None}

    def leader(self, hosts: Iterable[str]) -> str:
        """Which of these hosts' servers takes writes; empty when none or more than one says so."""
        leading = [host for host, one in self.nodes(hosts).items() if one.leads]
        return leading[0] if len(leading) == 1 else ""

    def configuration(self, host: str) -> dict[str, Any]:
        """The cluster's live configuration; empty when the host does not answer."""
        return json_object(self._get([host], "config").get(host, ""))

    def _get(self, hosts: Iterable[str], path: str) -> Mapping[str, str]:
        # Without --fail: /patroni of a node that starts answers 503 and says in its body what it does.
        asked = {host: f"curl -sS --max-time 5 {shlex.quote(self.url(host, path))}" for host in hosts}
        return {host: output.stdout for host, output in self.fleet.run_all(asked, timeout=20).items() if output.ok}

    def order(
        self, host: str, path: str, wish: Mapping[str, Any] | None = None, *, method: str = "POST", seconds: int = 90
    ) -> Output:
        """Send an order to the host's Patroni; the output is its answer. The password goes over standard input."""
        lines = [
            f"url = {json.dumps(self.url(host, path))}",
            f"request = {json.dumps(method)}",
            f"user = {json.dumps(f'patroni:{self.secret(PASSWORD)}')}",
            f"data = {json.dumps(json.dumps(wish or {}))}",
        ]
        command = f"curl -sS --fail-with-body --max-time {seconds} --config -"
        return self.fleet.run(host, command, stdin="\n".join(lines) + "\n", timeout=seconds + 30)
