"""A change of leader, ordered and watched from a database host. With no candidate named, the replicas elect."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from massive_deploy.errors import HostFailure, HostsFailed
from massive_deploy.operate import conductor
from massive_deploy.operate.patroni import PASSWORD, json_object

if TYPE_CHECKING:
    from massive_deploy.operate.patroni import Patroni
    from massive_deploy.topology.layout import Cluster

SECONDS = 60
KEYS = ("leader", "status", "sync", "failover")


@dataclass(frozen=True, slots=True)
class Change:
    """A change of leader, as ordered. `host` runs the conductor: the leader's own for an election.

    The order (`verb`: switchover or failover) goes to the leader's Patroni for a switchover, which wakes it, and to the
    candidate's for a failover. `members` maps the names of those that are watched to their addresses. With no
    `candidate`, the replicas elect.
    """

    host: str
    verb: str
    leader: str
    candidate: str
    members: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of it. Seconds count from the order; None when it did not happen. `answer` is Patroni's, when nobody
    took over."""

    leader: str
    answer: str
    stopped: float | None
    took: float | None
    deleted: bool = False
    released: float | None = None


def change_leader(patroni: Patroni, cluster: Cluster, change: Change, seconds: int = SECONDS) -> Changed:
    """Order it and wait until another member takes writes.

    Raises:
        HostsFailed: nobody took over in time, or Patroni refused; its answer is the cause.
    """
    text = json.dumps(order(patroni, cluster, change, seconds))
    output = patroni.fleet.run(change.host, command(), stdin=text, timeout=seconds + 30)
    told = json_object(output.stdout) if output.ok else {}
    found = Changed(
        told.get("leader", ""),
        "" if told.get("leader") else told.get("answer", "") or output.cause,
        told.get("stopped"),
        told.get("took"),
        bool(told.get("deleted")),
        told.get("released"),
    )
    if not found.leader:
        what = f"nobody took over within {seconds} s" if found.stopped is not None else "the leader did not change"
        raise HostsFailed(
            [HostFailure(change.leader or change.host, cluster.name, change.verb, f"{what}: {found.answer}")]
        )
    return found


def order(patroni: Patroni, cluster: Cluster, change: Change, seconds: int) -> dict[str, Any]:
    """What the conductor reads."""
    members = {name: _base(patroni, address) for name, address in change.members.items()}
    wish = {"candidate": change.candidate} if change.candidate else {}
    if change.verb == "switchover":
        wish["leader"] = change.leader
    return {
        "url": f"{members[change.leader if change.verb == 'switchover' else change.candidate]}/{change.verb}",
        "user": "patroni",
        "password": patroni.secret(PASSWORD),
        "wish": wish,
        "leader": change.leader,
        "members": members,
        "etcd": None if change.candidate else etcd(patroni, cluster),
        "server": _server(patroni, cluster) if change.host == change.leader and not change.candidate else None,
        "seconds": seconds,
    }


def etcd(patroni: Patroni, cluster: Cluster) -> dict[str, Any]:
    """Where the cluster's keys are, and how to enter."""
    layout = patroni.layout
    return {
        "urls": [f"http://{host.address}:{layout.port('etcd', 'client')}" for host in layout.running("etcd")],
        "user": "patroni",
        "password": patroni.secret("etcd/patroni"),
        "folder": f"{layout.namespace}{cluster.name}/",
    }


def _server(patroni: Patroni, cluster: Cluster) -> dict[str, str] | None:
    """None where commits wait for nobody: only Patroni then looks whether a replica has received everything."""
    if patroni.layout.topology.failover.commits(len(cluster.hosts)) == "off":
        return None
    settings = patroni.layout.settings["postgresql"]
    return {"data": settings.data, "controldata": f"/usr/lib/postgresql/{settings.version}/bin/pg_controldata"}


def remembered(patroni: Patroni, cluster: Cluster, host: str) -> Mapping[str, Any]:
    """What etcd knows of the cluster (KEYS), asked from a database host.

    Raises:
        HostsFailed: etcd does not answer: without it nobody can become the leader.
    """
    text = json.dumps({"etcd": etcd(patroni, cluster), "keys": KEYS})
    output = patroni.fleet.run(host, command(), stdin=text, timeout=30)
    if not output.ok:
        hint = "see the members of etcd: without most of them nobody can become the leader"
        raise HostsFailed([HostFailure(host, cluster.name, "read etcd's keys", output.cause, hint)])
    return json_object(output.stdout)


def command() -> str:
    """The shell line that runs the conductor; secrets come over standard input."""
    return f"python3 -c {shlex.quote(Path(conductor.__file__).read_text(encoding='utf-8'))}"


def _base(patroni: Patroni, address: str) -> str:
    return f"http://{address}:{patroni.layout.port('postgresql', 'rest')}"
