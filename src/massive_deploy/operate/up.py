"""`up`: make the machines, compare, apply the difference, look again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from massive_deploy.console import Reporter
from massive_deploy.engine import plan as planning
from massive_deploy.engine import report
from massive_deploy.engine.apply import apply, compile_stages
from massive_deploy.engine.lock import locked
from massive_deploy.engine.narrow import Selection, narrow
from massive_deploy.engine.observed import Observed
from massive_deploy.engine.plan import Plan
from massive_deploy.engine.saved import fingerprint
from massive_deploy.errors import HostsFailed, MassiveDeployError, Refused
from massive_deploy.inventory import Inventory, open_inventory, save
from massive_deploy.operate.chosen import load_chosen
from massive_deploy.operate.drained import drained, out_elsewhere, spare
from massive_deploy.operate.giving_up import set_aside
from massive_deploy.operate.guards import leaving, quorum_move, refuse_endangered, refuse_loss
from massive_deploy.operate.hand_over import hand_over
from massive_deploy.operate.handover import Crew
from massive_deploy.operate.holdings import look
from massive_deploy.operate.journal import Run
from massive_deploy.operate.kept import forget_finished
from massive_deploy.operate.observe import Session, read, session
from massive_deploy.operate.prepare import Prepared, machines, prepare, target
from massive_deploy.operate.quorum import replace_member
from massive_deploy.operate.restart_pending import Paused, restart_pending

if TYPE_CHECKING:
    from pathlib import Path


ALL = Selection()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run of `up` is asked for beside the topology.

    `expected` is a saved plan's fingerprint: any other plan is refused. `lose` names the database hosts that may go.
    `lock_wait` is in seconds; `reason` is shown to whoever meets the lock, and kept in the journal.
    """

    selection: Selection = ALL
    expected: str = ""
    lose: tuple[str, ...] = ()
    lock_wait: float = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of `up` did."""

    inventory: Inventory
    operations: int
    seconds: float


def make_plan(inventory: Inventory, wish: Wish, *, keep: bool = False) -> Plan:
    """What `up` would do. Changes nothing, unless `keep` records generated secrets so that the plan can be repeated."""
    selection = wish.selection
    refuse_loss(inventory, wish.lose, look)
    prepared = prepare(inventory)
    if keep:
        _record(inventory)
        prepared.secrets.save()
    with session(inventory, selection.hosts or None) as opened:
        observed = read(opened, prepared.rendered)
        refuse_endangered(inventory, prepared.rendered, observed, wish.lose, selection)
        return narrowed(prepared, observed, selection)


def _record(inventory: Inventory) -> None:
    """Record the placement; but a change of etcd's members only when it is done, or a killed run would hide it."""
    if quorum_move(inventory) is None:
        save(inventory)


def narrowed(prepared: Prepared, observed: Mapping[str, Observed], selection: Selection) -> Plan:
    """The chosen part of the plan; hosts that were not asked are left out.

    Raises:
        Refused: a release that is kept nowhere any more, and whose source is not here.
    """
    asked = {host: roles for host, roles in prepared.rendered.items() if host in observed}
    plan = narrow(planning.make(asked, observed), selection, prepared.rendered)
    due = [change.task for host in plan.hosts for role in host.roles for change in role.tasks]
    brought = {task.fetch[1] for task in due if task.fetch is not None}
    if lacking := [t.name for t in due if t.artifact and t.artifact not in brought and not t.artifact.exists()]:
        what = f"there is nothing to make this of, here or on another app host: {', '.join(dict.fromkeys(lacking))}"
        raise Refused(what, f"take what the topology says: massive-deploy deploy {prepared.inventory.folder}")
    return plan


def up(path: Path, inventory: Inventory, reporter: Reporter, wish: Wish = Wish()) -> Outcome:
    """Bring the inventory (or the chosen part) up to its topology; it is read anew from `path` once sizes were seen.

    Raises:
        HostsFailed, Locked, InvalidInput, MassiveDeployError: see each; what ran before keeps running.
    """
    try:
        return _up(path, inventory, reporter, wish)
    except HostsFailed as error:
        hint = f"mend the cause, then: massive-deploy up {inventory.folder}"
        raise HostsFailed([replace(f, next=f.next or hint) for f in error.failures]) from error


def _up(path: Path, inventory: Inventory, reporter: Reporter, wish: Wish) -> Outcome:
    start = time.monotonic()
    selection = wish.selection
    run = Run("up", inventory.folder, reporter.log.path, wish.reason)
    refuse_loss(inventory, wish.lose, look)
    for line in leaving(inventory):
        reporter.say(line)
    if chosen := load_chosen(inventory.folder):
        reporter.say(f"the app hosts get {chosen}; `massive-deploy deploy {inventory.folder}` follows app.ref again")
    prepared = prepare(inventory)
    _record(inventory)
    prepared.secrets.save()
    wanted = [m for m in machines(inventory) if not selection.hosts or m.name in selection.hosts]
    target(inventory).ensure(wanted, reporter.say)
    away = out_elsewhere(inventory, selection.hosts) if selection.hosts else set()
    why = f"up: {wish.reason}" if wish.reason else "up"
    with (
        session(inventory, selection.hosts or None) as opened,
        locked(opened.fleet, opened.reach, why, wish.lock_wait, reporter.say, str(inventory.folder)),
        run.journaled(opened),
    ):
        observed: Mapping[str, Observed] = read(opened, prepared.rendered, clean=True)
        refuse_endangered(inventory, prepared.rendered, observed, wish.lose, selection)
        todo = narrowed(prepared, observed, selection)
        _refuse_other_plan(wish, todo)
        replace_member(opened, prepared, reporter.say)
        before = prepared
        inventory, prepared, observed = _with_facts(path, inventory, prepared, opened, observed)
        if prepared is not before:
            todo = narrowed(prepared, observed, selection)
            _refuse_other_plan(wish, todo)
        forget_finished(opened, prepared, observed)
        hand_over(opened, prepared, reporter.say)
        if set_aside(opened, prepared, observed, selection, reporter.say):
            todo = narrowed(prepared, read(opened, prepared.rendered), selection)
        reporter.log.write("\n".join(report.lines(todo)))
        reporter.say(report.summary(todo))
        if not todo.empty:
            todo = spare(todo, inventory.layout, drained(opened, inventory.layout) | away)
            stages = compile_stages(todo, prepared.generations)
            with reporter.live():
                apply(opened.fleet, stages, reporter.on_stage, run.counting(reporter.on_step))
            restart_pending(
                opened, prepared, todo, reporter.say, run.counting(reporter.on_step), _paused(opened, prepared)
            )
            look_again(opened, prepared, selection)
    return Outcome(inventory, run.operations, time.monotonic() - start)


def _paused(opened: Session, prepared: Prepared) -> Paused:
    """How a cluster's clients are held back."""
    return lambda cluster: Crew.of(opened, prepared.inventory, cluster).paused()


def _refuse_other_plan(wish: Wish, found: Plan) -> None:
    if wish.expected and fingerprint(found) != wish.expected:
        what = "this is no longer the plan that was saved: a host, the topology or a secret has changed"
        raise Refused(what, "look at a new plan")


def _with_facts(
    path: Path, inventory: Inventory, prepared: Prepared, opened: Session, observed: Mapping[str, Observed]
) -> tuple[Inventory, Prepared, Mapping[str, Observed]]:
    """Record the size of given hosts on first sight; desired states are rendered anew when that changes them."""
    if inventory.topology.target != "ssh":
        save(inventory)
        return inventory, prepared, observed
    facts = {name: (seen.facts.cpus, seen.facts.memory_mb) for name, seen in observed.items() if seen.exists}
    if not save(inventory, facts):
        return inventory, prepared, observed
    again = open_inventory(path)
    anew = prepare(again)
    return again, anew, read(opened, anew.rendered)


def look_again(opened: Session, prepared: Prepared, selection: Selection) -> None:
    """Compare once more.

    Raises:
        MassiveDeployError: the hosts are still not as they should be.
    """
    left = narrowed(prepared, read(opened, prepared.rendered), selection)
    if left.changes:
        shown = "\n".join(report.lines(left))
        raise MassiveDeployError(
            f"the hosts are still not as the topology says:\n{shown}", "run `massive-deploy plan` and look at the host"
        )
