"""Choosing the hosts of etcd: three when there are three, spread over what fails apart, and kept once chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Groups = Mapping[str, Sequence[str]]


def choose(groups: Groups, order: Sequence[str], recorded: Sequence[str], *, one_cluster: bool) -> tuple[str, ...]:
    """Names of the quorum's hosts: three, or one when the groups in `order` have fewer hosts than that.

    Recorded members stay. With one database cluster two of its hosts vote beside one other, so that etcd is up
    whenever the database is whole; with several clusters each vote is on another group.
    """
    candidates = _candidates(groups, order, 2 if one_cluster else 1)
    size = 3 if len(candidates) >= 3 else 1
    members = [name for name in recorded if name in candidates][:size]
    members += [name for name in candidates if name not in members][: size - len(members)]
    return tuple(name for name in candidates if name in members)


def _candidates(groups: Groups, order: Sequence[str], first: int) -> list[str]:
    names: list[str] = []
    for place, group in enumerate(order):
        names += groups.get(group, ())[: first if place == 0 else 1]
    for group in order:
        names += [name for name in groups.get(group, ()) if name not in names]
    return names
