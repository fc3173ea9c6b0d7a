"""Whether a cluster is as it should be: one leader, every replica streams, commits are safe, and all units run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from massive_deploy.collected import SENDER_UNIT
from massive_deploy.engine.probe import MANAGED_UNITS
from massive_deploy.operate.observe import Session, session
from massive_deploy.operate.patroni import Node, Patroni

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.topology.layout import Cluster

# Who sends the journal starts over until the monitor host answers again: no part of what users notice.
_ALL = f"{MANAGED_UNITS} | grep -vxF {SENDER_UNIT}"
UNITS = f'for unit in $({_ALL}); do systemctl is-active --quiet "$unit" || echo "$unit"; done'


def trouble(nodes: Mapping[str, Node], cluster: Cluster, *, synchronous: bool) -> str:
    """What is wrong with the cluster, as its nodes tell it; empty when nothing is. Pure."""
    names = [host.name for host in cluster.hosts]
    silent = [name for name in names if name not in nodes]
    if silent:
        return f"Patroni does not answer on {', '.join(silent)}"
    leading = [name for name in names if nodes[name].leads]
    if len(leading) != 1:
        return "no node leads" if not leading else f"{' and '.join(leading)} lead"
    away = [name for name in names if name != leading[0] and not nodes[name].streams]
    if away:
        return f"{', '.join(away)} does not stream"
    if synchronous and len(names) > 1 and not any(nodes[name].synchronous for name in names):
        return "no replica confirms commits yet"
    return ""


def look(opened: Session, patroni: Patroni, cluster: Cluster) -> tuple[str, str]:
    """The cluster's leader, and what is wrong with it or with a unit of any host; empty when nothing is."""
    nodes = patroni.nodes(host.name for host in cluster.hosts)
    leader = next((name for name, node in nodes.items() if node.leads), "")
    synchronous = bool(leader and patroni.configuration(leader).get("synchronous_mode"))
    if wrong := trouble(nodes, cluster, synchronous=synchronous):
        return leader, wrong
    outputs = opened.fleet.run_all(dict.fromkeys(opened.reach, UNITS), timeout=30)
    down = [f"{unit} on {host}" for host, output in outputs.items() for unit in output.stdout.split()]
    return leader, f"not running: {', '.join(down)}" if down else ""


def wait(opened: Session, patroni: Patroni, cluster: Cluster, until: float) -> tuple[float | None, str, str]:
    """When it was well (wall clock; None: not until then), who leads, and what is still wrong."""
    while True:
        leader, wrong = look(opened, patroni, cluster)
        if not wrong:
            return time.time(), leader, ""
        if time.monotonic() >= until:
            return None, leader, wrong
        time.sleep(0.5)


@contextmanager
def again(inventory: Inventory, seconds: float) -> Iterator[Session]:
    """Connect anew, once all hosts answer; after some seconds without those that do not."""
    until = time.monotonic() + seconds
    while True:
        with session(inventory, bear=True) as opened:
            if not opened.unreachable or time.monotonic() >= until:
                yield opened
                return
        time.sleep(1)
