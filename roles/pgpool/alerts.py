"""What must not happen to pgPool-II."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.topology.layout import Layout

from .desired import instances

KEEPER = "Nothing yet. After a change of leader nothing can be saved through this pooler: it stays with the old one."


def units(layout: Layout) -> Mapping[str, str]:
    """What must be active: a pooler and its keeper for each cluster."""
    found: dict[str, str] = {}
    for one in instances(layout):
        feels = f"Requests that come to this app server get errors: it does not reach {one.cluster.name}."
        found |= {f"{one.unit}.service": feels, f"{one.keeper}.service": KEEPER}
    return found
