"""What a stack cannot survive, from who plays which part. Nothing here is wrong: it is what the counts buy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .layout import Host, Layout

_ALONE = {
    "edge": "the site cannot be reached (no other edge server)",
    "app": "no page that is not in the cache (no other app server)",
    "redis": "sessions and the task queue stop (no other Redis)",
    "monitor": "nobody is told of trouble; the site goes on (no other monitor)",
}
"""part → what stops with the only host that plays it."""


def survival(layout: Layout) -> tuple[str, ...]:
    """One line for each loss that stops something or takes data, hosts before pairs of hosts before commits."""
    if len(layout.hosts) == 1:
        return ("one host: nothing survives its loss",)
    return (*_single(layout), *_quorum(layout), *_commits(layout))


def _single(layout: Layout) -> Iterator[str]:
    same: dict[tuple[str, ...], list[str]] = {}
    for host in layout.hosts:
        if found := tuple(_without(layout, host)):
            same.setdefault(found, []).append(host.name)
    for found, names in same.items():
        yield f"loss of {_any_of(names)}: {'; '.join(found)}"


def _without(layout: Layout, host: Host) -> Iterator[str]:
    """What stops when this host goes."""
    members = _playing(layout, "quorum")
    undecided = host in members and len(members) - 1 < _majority(members)
    for cluster in layout.clusters:
        named = f" of {cluster.name}" if len(layout.clusters) > 1 else ""
        if host in cluster.hosts and len(cluster.hosts) == 1:
            yield f"writes and reads{named} stop, and no other host has the data (no replica)"
        elif host in cluster.hosts and undecided:
            yield f"writes{named} stop (etcd has no majority left)"
        elif host in cluster.hosts and len(cluster.hosts) == 2 and layout.topology.failover.commits(2) == "strict":
            yield f"writes{named} stop until it is back (strict commits wait for the one replica)"
        elif undecided:
            yield f"no failover{named} until it is back (etcd has no majority left)"
    yield from (what for part, what in _ALONE.items() if _playing(layout, part) == [host])


def _quorum(layout: Layout) -> Iterator[str]:
    members = _playing(layout, "quorum")
    if len(members) < 3:
        return
    too_many = len(members) - _majority(members) + 1
    names = ", ".join(host.name for host in members)
    yield (
        f"loss of {too_many} of {len(members)} etcd members ({names}): no failover; a leader goes on only while every "
        "node of its cluster answers it"
    )


def _commits(layout: Layout) -> Iterator[str]:
    sizes = dict.fromkeys(len(one.hosts) for one in layout.clusters)
    counts = [(layout.topology.failover.commits(nodes), nodes - 1) for nodes in sizes]
    for mode, replicas in counts:
        if not replicas:
            continue
        having = "one replica" if replicas == 1 else f"{replicas} replicas"
        if mode == "off":
            yield f"with {having} commits do not wait: what was written in the last second may be lost with the leader"
        elif mode == "quorum" and replicas == 1:
            yield "with one replica commits do not wait while it is away: what was written then may be lost"
        else:
            yield "loss of a leader and a replica at once: what only these two had may be lost"


def _playing(layout: Layout, part: str) -> list[Host]:
    return [host for host in layout.hosts if part in host.parts]


def _majority(members: Iterable[Host]) -> int:
    return len(list(members)) // 2 + 1


def _any_of(names: list[str]) -> str:
    if len(names) > 6:
        return f"any of {names[0]} to {names[-1]} ({len(names)} hosts)"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
