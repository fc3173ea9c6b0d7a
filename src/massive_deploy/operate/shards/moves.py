"""Moves as commands ask for them: connected, locked, journaled, one shard after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from massive_deploy.desired import Handover
from massive_deploy.engine.lock import locked
from massive_deploy.environment import MOVER_PASSFILE
from massive_deploy.errors import MassiveDeployError, Refused
from massive_deploy.operate.handover import Crew
from massive_deploy.operate.observe import session
from massive_deploy.operate.shards.compare import Compared
from massive_deploy.operate.shards.machine import Machine
from massive_deploy.operate.shards.side import Side
from massive_deploy.operate.shards.stage import Stage, Standing, standings
from massive_deploy.operate.shards.words import Move
from massive_deploy.topology.layout import Shard
from massive_deploy.topology.shards import moved, recorded_shards, save_shards

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.observe import Session
    from massive_deploy.targets import Say

COPY_SECONDS = 6 * 3600


@dataclass(frozen=True, slots=True)
class Report:
    """A shard that has moved. `gap`: seconds in which its clients waited, None where an earlier run had switched."""

    shard: str
    source: int
    target: int
    gap: float | None
    compared: tuple[Compared, ...] = ()
    copied_only: bool = False

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(one.rows for one in self.compared)


@dataclass(frozen=True, slots=True)
class Moves:
    """An inventory's clusters and poolers, connected and locked."""

    inventory: Inventory
    opened: Session
    say: Say

    def side(self, cluster: int) -> Side:
        """One cluster."""
        layout = self.inventory.layout
        found = next(one for one in layout.clusters if one.number == cluster)
        return Side(self.opened.fleet, found, layout.database, frozenset(self.opened.reach))

    def states(self) -> dict[int, dict[str, Standing]]:
        """What each cluster says of its shards."""
        return {one.number: standings(self.side(one.number)) for one in self.inventory.layout.clusters}

    def machine(self, shard: str, source: int, target: int) -> Machine:
        """One move, begun or not."""
        layout = self.inventory.layout
        move = Move(shard, source, target, layout.shard_role(shard))
        ports = layout.port("postgresql", "sql")

        def connect(side: Side) -> str:
            nodes = side.cluster.hosts
            hosts, numbers = ",".join(node.address for node in nodes), ",".join(str(ports) for _ in nodes)
            return (
                f"host={hosts} port={numbers} dbname={layout.database} user=massive_mover "
                f"passfile={MOVER_PASSFILE} connect_timeout=5 target_session_attrs=read-write"
            )

        return Machine(
            move,
            self.side(source),
            self.side(target),
            self._crew(shard, target),
            self._crew(shard, source),
            connect,
            self._record,
            self.say,
        )

    def _crew(self, shard: str, cluster: int) -> Crew:
        layout, offers = self.inventory.layout, list[Handover]()
        for name in sorted(layout.roles):
            offer: Callable[..., Handover] | None = getattr(self.inventory.roles.get(name), "shard_move", None)
            if offer is not None:
                offers.append(offer(layout, shard, cluster))
        return Crew(self.opened.fleet, frozenset(self.opened.reach), tuple(offers))

    def _record(self, move: Move) -> None:
        known = recorded_shards(self.inventory.folder)
        if known is not None:
            save_shards(self.inventory.folder, moved(known, {number(move.shard): move.target}))


def number(shard: str) -> int:
    """shard0007 → 7."""
    return int(shard.removeprefix("shard"))


@contextmanager
def connected(inventory: Inventory, what: str, run: Run, say: Say) -> Iterator[Moves]:
    """All database hosts and poolers.

    Raises:
        Refused: a pooler's host does not answer; its clients could not be held back.
        Locked: another run is at work.
    """
    layout = inventory.layout
    poolers = {host.name for name in layout.roles for host in layout.running(name) if _offers(inventory, name)}
    only = {host.name for cluster in layout.clusters for host in cluster.hosts} | poolers
    with (
        session(inventory, only, bear=True) as opened,
        locked(opened.fleet, opened.reach, what, inventory=str(inventory.folder)),
        run.journaled(opened),
    ):
        if silent := sorted(poolers & set(opened.silent)):
            what = f"{', '.join(silent)}: no answer; clients there could not be held back or told of a move"
            raise Refused(what, "mend or retire it first")
        yield Moves(inventory, opened, say)


def _offers(inventory: Inventory, role: str) -> bool:
    return getattr(inventory.roles.get(role), "shard_move", None) is not None


def chosen(inventory: Inventory, words: Sequence[str]) -> list[Shard]:
    """Shards by words such as `7`, `0-3` or `shard0007`, in order, each once.

    Raises:
        MassiveDeployError: there are no logical shards, or none of that name.
    """
    known = {shard.number: shard for shard in inventory.layout.shards}
    if not known:
        raise MassiveDeployError("this stack has no logical shards", "see: massive-deploy explain sharding")
    found: set[int] = set()
    for word in words:
        first, _, last = word.removeprefix("shard").partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            raise MassiveDeployError(f"{word!r} is no shard", "name them like 7, 0-3 or shard0007")
        wanted = range(int(first), int(last or first) + 1)
        if missing := [one for one in wanted if one not in known]:
            raise MassiveDeployError(f"there is no shard {missing[0]}", f"there are 0 to {max(known)}")
        found |= set(wanted)
    return [known[one] for one in sorted(found)]


def move(moves: Moves, shard: Shard, target: int, *, verify: bool = True, switch: bool = True) -> Report | None:
    """Bring one shard to a cluster, from wherever an earlier run left it; None when it is there and settled.

    Raises:
        Refused: it cannot be moved, or rows differ; it serves where it was.
        HostsFailed: a step failed; says how to go on.
    """
    states = moves.states()
    if (going := open_moves(states).get(shard.name)) and target not in going[:2]:
        what = f"{shard.name} is on its way from cluster {going[0]} to {going[1]}, or that move is not completed"
        raise Refused(what, "first: massive-deploy shard complete, or shard abort")
    owner = owner_of(states, shard)
    there = states[target].get(shard.name)
    if owner == target:
        source = there.peer if there is not None else 0
        if not source:
            return None
    else:
        source = owner
    machine = moves.machine(shard.name, source, target)
    reached = machine.stage()
    if reached is Stage.MOVED:
        return None
    if reached in {Stage.FENCED, Stage.OPEN}:
        machine.finish(reached)
        return Report(shard.name, source, target, None)
    if reached is Stage.NONE:
        if problems := machine.preflight():
            raise Refused(f"{shard.name} cannot be moved:\n" + "\n".join(f"    {text}" for text in problems))
        machine.create()
    machine.wait(COPY_SECONDS)
    compared = tuple(machine.verify()) if verify else ()
    if differ := [one.table for one in compared if one.different]:
        what = f"{shard.name}: the copies of {', '.join(differ)} differ"
        raise Refused(what, f"massive-deploy shard abort {moves.inventory.folder} {number(shard.name)}")
    if not switch:
        return Report(shard.name, source, target, None, compared, copied_only=True)
    gap = machine.switch()
    return Report(shard.name, source, target, gap, compared)


def owner_of(states: dict[int, dict[str, Standing]], shard: Shard) -> int:
    """The cluster that has the shard, or had it last.

    Raises:
        MassiveDeployError: none says so.
    """
    for wanted in ("here", "fenced"):
        for cluster, found in states.items():
            if shard.name in found and found[shard.name].state == wanted:
                return cluster
    raise MassiveDeployError(f"no cluster says that it has {shard.name}", "see: massive-deploy shard status")


def open_moves(states: dict[int, dict[str, Standing]]) -> dict[str, tuple[int, int, Stage]]:
    """Shard → (source, target, stage), for all that are on their way or whose move was not completed."""
    found: dict[str, tuple[int, int, Stage]] = {}
    pairs = {"incoming": Stage.COPYING, "gone": Stage.MOVED}
    for cluster, shards in states.items():
        for name, one in shards.items():
            peer = states.get(one.peer, {}).get(name)
            if not one.peer or peer is None or one.state not in {"incoming", "gone", "fenced"}:
                continue
            if one.state == "incoming":
                reached = Stage.FENCED if peer.state == "fenced" else pairs["incoming"]
                found[name] = (one.peer, cluster, reached)
            elif one.state == "gone":
                found.setdefault(name, (cluster, one.peer, Stage.FENCED if peer.state == "fenced" else Stage.MOVED))
            elif peer.state == "here":
                found[name] = (cluster, one.peer, Stage.OPEN)
    return found


def balanced(inventory: Inventory) -> list[tuple[Shard, int]]:
    """The fewest moves after which all clusters have as many shards as each other, give or take one."""
    clusters = [one.number for one in inventory.layout.clusters]
    held = {one: [shard for shard in inventory.layout.shards if shard.cluster == one] for one in clusters}
    least, more = divmod(len(inventory.layout.shards), len(clusters))
    fullest = sorted(clusters, key=lambda one: (-len(held[one]), one))
    wanted = {one: least + (rank < more) for rank, one in enumerate(fullest)}
    spare = [shard for one in clusters for shard in held[one][wanted[one] :]]
    places = [one for one in clusters for _ in range(wanted[one] - len(held[one]))]
    return list(zip(spare, places, strict=True))
