"""`deploy` and `rollback`: the part of `up` that brings a release to the app hosts, host by host."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from massive_deploy.engine import report
from massive_deploy.engine.apply import apply, compile_stages
from massive_deploy.engine.lock import locked
from massive_deploy.engine.narrow import Selection
from massive_deploy.errors import HostsFailed, Refused
from massive_deploy.operate import releases
from massive_deploy.operate.chosen import Chosen, save_chosen
from massive_deploy.operate.drained import drained, spare
from massive_deploy.operate.guards import refuse_endangered
from massive_deploy.operate.journal import Run
from massive_deploy.operate.kept import forget_finished
from massive_deploy.operate.observe import read, session
from massive_deploy.operate.prepare import fetch, prepare
from massive_deploy.operate.up import look_again, narrowed

if TYPE_CHECKING:
    from pathlib import Path

    from massive_deploy.console import Reporter
    from massive_deploy.engine.observed import Observed
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.observe import Session
    from massive_deploy.topology.layout import Layout
    from massive_deploy.view import Release

ROLES = ("release", "app")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: the release, its hosts, operations and seconds; no operations where it ran already."""

    release: Release
    hosts: tuple[str, ...]
    operations: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Wish:
    """`lock_wait` is in seconds; `reason` is shown to whoever meets the lock, and kept in the journal."""

    lock_wait: float = 0
    reason: str = ""


def app_hosts(layout: Layout) -> tuple[str, ...]:
    """Hosts that run the project."""
    return tuple(host.name for host in layout.running("app"))


def choose(inventory: Inventory, ref: str | None) -> Chosen | None:
    """What `deploy --ref` asks for: that ref and the commit it is now; None without one: what the topology says.

    Raises:
        Refused: the source is a folder, which has no refs.
    """
    if ref is None:
        return None
    from massive_deploy import sources

    if not sources.has_refs(inventory.topology.app, inventory.folder):
        what = "app.source is a folder, which is deployed as it is: there are no refs to choose from"
        raise Refused(what, "leave --ref out, or set app.source to a git URL (file:///… for a local repository)")
    return Chosen(ref=ref)


def deploy(inventory: Inventory, chosen: Chosen | None, reporter: Reporter, wish: Wish, command: str) -> Outcome:
    """Bring a release to all app hosts, and record that it was chosen (None: the topology's own is).

    Raises:
        HostsFailed: it failed on a host, which went back; hosts after it were not touched.
        Refused, Locked, MassiveDeployError: see each; nothing was changed.
    """
    start = time.monotonic()
    run = Run(command, inventory.folder, reporter.log.path, wish.reason)
    release = fetch(inventory, chosen)
    if chosen is not None and chosen.release is None:
        chosen = chosen.model_copy(update={"commit": release.commit})
    prepared = prepare(inventory, release=release)
    hosts = app_hosts(inventory.layout)
    selection = Selection(hosts, ROLES)
    why = f"{command}: {wish.reason}" if wish.reason else command
    with (
        session(inventory, hosts) as opened,
        locked(opened.fleet, opened.reach, why, wish.lock_wait, reporter.say, str(inventory.folder)),
        run.journaled(opened),
    ):
        _refuse_missing(opened, inventory)
        observed = read(opened, prepared.rendered, clean=True)
        _refuse_new(observed, inventory)
        refuse_endangered(inventory, prepared.rendered, observed, (), selection)
        forget_finished(opened, prepared, observed)
        todo = spare(narrowed(prepared, observed, selection), inventory.layout, drained(opened, inventory.layout))
        prepared.secrets.save()
        reporter.log.write("\n".join(report.lines(todo)))
        reporter.say(f"release {release.id}{said(release)}: {report.summary(todo)}")
        if not todo.empty:
            stages = compile_stages(todo, prepared.generations)
            try:
                with reporter.live():
                    apply(opened.fleet, stages, reporter.on_stage, run.counting(reporter.on_step))
            except HostsFailed as error:
                raise _told(error, opened, _again(inventory.folder, chosen), release, inventory.folder) from error
        save_chosen(inventory.folder, chosen)
        if not todo.empty:
            look_again(opened, prepared, selection)
    return Outcome(release, hosts, run.operations, time.monotonic() - start)


def said(release: Release) -> str:
    """Where a release comes from, in brackets, with a space before it; empty for a folder's."""
    origin = releases.origin(release.ref, release.commit)
    return f" ({origin})" if origin else ""


def _refuse_missing(opened: Session, inventory: Inventory) -> None:
    if opened.missing:
        names = ", ".join(sorted(opened.missing))
        raise Refused(f"these app hosts are not made yet: {names}", f"first: massive-deploy up {inventory.folder}")


def _refuse_new(observed: Mapping[str, Observed], inventory: Inventory) -> None:
    new = sorted(host for host, seen in observed.items() if "app" not in seen.managed)
    if new:
        what = f"these hosts do not run the project yet: {', '.join(new)}"
        raise Refused(what, f"first: massive-deploy up {inventory.folder}")


def _again(folder: Path, chosen: Chosen | None) -> str:
    """What to type for the same release once more."""
    if chosen is None:
        return f"massive-deploy deploy {folder}"
    if chosen.release is not None:
        return f"massive-deploy rollback {folder} {chosen.release}"
    return f"massive-deploy deploy {folder} --ref {shlex.quote(chosen.ref or '')}"


def _told(error: HostsFailed, opened: Session, again: str, release: Release, folder: Path) -> HostsFailed:
    """The failure with which release each host runs now, and what to type: `again`, when it is mended."""
    found = releases.read(opened)
    runs = "\n".join(f"{host} runs release {one.current or 'none'}" for host, one in found.items())
    switched = [host for host, one in found.items() if one.current == release.id]
    fix = f"mend it, then: {again}"
    if switched and len(switched) < len(found):
        fix = f"{fix}; or take {', '.join(switched)} back: massive-deploy rollback {folder}"
    fix += f"; its own words: massive-deploy logs {folder} --roles app"
    return HostsFailed([replace(f, cause=f"{f.cause}\n{runs}", next=f.next or fix) for f in error.failures])
