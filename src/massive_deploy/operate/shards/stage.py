"""Where a move stands, read from both clusters: they are the only ones who know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from massive_deploy.errors import MassiveDeployError
from massive_deploy.operate.shards.words import Move, literal

if TYPE_CHECKING:
    from massive_deploy.operate.shards.side import Side


class Stage(StrEnum):
    """In the order in which a move goes through them."""

    NONE = "not moving"
    COPYING = "being copied"
    FENCED = "held back, on its way over"
    OPEN = "open at the target, the source still fenced"
    MOVED = "moved, kept up to date at the source"


_BY_STATES = {
    ("here", ""): Stage.NONE,
    ("here", "incoming"): Stage.COPYING,
    # The way back is followed as well.
    ("here", "gone"): Stage.COPYING,
    ("fenced", "gone"): Stage.FENCED,
    ("fenced", "incoming"): Stage.FENCED,
    ("fenced", "here"): Stage.OPEN,
    ("gone", "here"): Stage.MOVED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A row of `massive.shard` in one cluster; `peer` is the cluster it moves to or came from, 0 for none."""

    shard: str
    state: str
    peer: int


def standings(side: Side, shard: str = "") -> dict[str, Standing]:
    """What a cluster says of its shards (or of one), by name."""
    where = f"WHERE name = {literal(shard)}" if shard else ""
    rows = side.ask(f"SELECT name, state, coalesce(peer, 0) FROM massive.shard {where} ORDER BY 1", step="states")
    return {name: Standing(name, state, int(peer)) for name, state, peer in rows}


def stage(move: Move, source: Side, target: Side) -> Stage:
    """Where this move stands.

    Raises:
        MassiveDeployError: the clusters say what no move leaves behind.
    """
    here, there = standings(source, move.shard).get(move.shard), standings(target, move.shard).get(move.shard)
    pair = (here.state if here else "", there.state if there else "")
    found = _BY_STATES.get(pair)
    if found is None:
        what = f"{move.shard}: cluster {move.source} says {pair[0] or 'nothing'!r}, cluster {move.target} {pair[1]!r}"
        raise MassiveDeployError(what, "see: massive-deploy shard status; is this the direction of the move?")
    return found
