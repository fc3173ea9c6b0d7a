"""The plan: desired minus observed, as values. What is not in the plan is not touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from massive_deploy.desired import Desired, Directory, File, Gate, Rolling, Task, Unit, User, Validator
from massive_deploy.engine.observed import Entry, Observed, UnitState

Verb = Literal["start", "restart", "reload", "stop", "enable", "disable"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file to be written (or removed, when `new` is None), and what is there now (`old` is None when unknown)."""

    path: str
    new: File | None
    old: str | None
    why: str


@dataclass(frozen=True, slots=True)
class UnitChange:
    """What happens to a unit, in order, why, and the stamps that are true afterwards."""

    unit: Unit
    verbs: tuple[Verb, ...]
    why: str
    restart_stamp: str
    reload_stamp: str


@dataclass(frozen=True, slots=True)
class TaskChange:
    """A task to be run, and what was observed instead of `task.want`."""

    task: Task
    seen: str


@dataclass(frozen=True, slots=True)
class RolePlan:
    """All changes of one role on one host."""

    host: str
    role: str
    users: tuple[User, ...] = ()
    directories: tuple[Directory, ...] = ()
    files: tuple[FileChange, ...] = ()
    validators: tuple[Validator, ...] = ()
    staged: tuple[File, ...] = ()
    tasks: tuple[TaskChange, ...] = ()
    units: tuple[UnitChange, ...] = ()
    gates: tuple[Gate, ...] = ()
    managed: tuple[str, ...] | None = None
    rolling: Rolling | None = None

    @property
    def changes(self) -> int:
        """Number of single changes, gates and bookkeeping not counted."""
        units = sum(len(change.verbs) for change in self.units)
        return len(self.users) + len(self.directories) + len(self.files) + len(self.tasks) + units

    @property
    def empty(self) -> bool:
        """Whether nothing at all is to be done."""
        return not self.changes and self.managed is None


@dataclass(frozen=True, slots=True)
class HostPlan:
    """All changes of one host. `created` when the machine itself does not exist yet."""

    host: str
    created: bool
    packages: tuple[str, ...]
    heal_dpkg: bool
    roles: tuple[RolePlan, ...]
    leftovers: tuple[str, ...] = ()

    @property
    def changes(self) -> int:
        """Number of single changes."""
        return len(self.packages) + self.heal_dpkg + self.created + sum(role.changes for role in self.roles)


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes of all hosts."""

    hosts: tuple[HostPlan, ...]

    @property
    def changes(self) -> int:
        """Number of single changes; 0 means the hosts are as the topology says."""
        return sum(host.changes for host in self.hosts)

    @property
    def empty(self) -> bool:
        """Whether `up` has nothing to do."""
        return not self.changes and all(role.empty for host in self.hosts for role in host.roles)


def make(desired: Mapping[str, Mapping[str, Desired]], observed: Mapping[str, Observed]) -> Plan:
    """Compare what each host should hold (host → role → Desired) with what its probe saw."""
    hosts = [_host(name, roles, observed[name]) for name, roles in desired.items()]
    return Plan(tuple(_fetch_what_others_need(hosts, desired)))


def _host(name: str, roles: Mapping[str, Desired], seen: Observed) -> HostPlan:
    packages = sorted({p for role in roles.values() for p in role.packages} - set(seen.packages))
    plans = tuple(_role(name, role, wanted, seen, roles) for role, wanted in roles.items())
    leftovers = tuple(sorted(set(seen.managed) - set(roles)))
    return HostPlan(name, not seen.exists, tuple(packages), seen.dpkg_broken, plans, leftovers)


def _role(host: str, role: str, wanted: Desired, seen: Observed, roles: Mapping[str, Desired]) -> RolePlan:
    files = tuple(_files(role, wanted, seen, roles))
    written = {change.path for change in files}
    managed = _managed(wanted)
    brings = set(wanted.packages) - set(seen.packages)  # until they are there, what a task observes means nothing
    plan = RolePlan(
        host=host,
        role=role,
        users=tuple(u for u in wanted.users if u.name not in seen.users or set(u.groups) - seen.users[u.name]),
        directories=tuple(d for d in wanted.directories if not _fits(d, seen.entries.get(d.path), "directory")),
        files=files,
        validators=tuple(v for v in wanted.validators if any(path.startswith(v.paths) for path in written)),
        staged=wanted.files if files else (),
        tasks=tuple(
            TaskChange(task, seen.tasks.get(f"{role}/{task.name}", ""))
            for task in wanted.tasks
            if (brings and not task.in_turn) or seen.tasks.get(f"{role}/{task.name}", "") != task.want.strip()
        ),
        units=tuple(_units(role, wanted, seen, written)),
        managed=managed if seen.managed.get(role, ()) != managed else None,
    )
    if plan.empty:
        return plan
    interrupts = any("restart" in change.verbs for change in plan.units)
    return replace(plan, gates=wanted.gates, rolling=wanted.rolling if interrupts else None)


def _managed(wanted: Desired) -> tuple[str, ...]:
    units = (f"unit {unit.name}" for unit in wanted.units if unit.running or unit.enabled)
    return tuple(sorted({*(file.path for file in wanted.files), *units}))


def _fits(wanted: File | Directory, entry: Entry | None, kind: str) -> bool:
    if entry is None:
        return False
    return (entry.kind, entry.mode, entry.owner, entry.group) == (kind, wanted.mode, wanted.owner, wanted.group)


def _files(role: str, wanted: Desired, seen: Observed, roles: Mapping[str, Desired]) -> Iterable[FileChange]:
    for file in wanted.files:
        entry = seen.entries.get(file.path)
        if entry is not None and _fits(file, entry, "file") and entry.sha256 == file.sha256:
            continue
        same_content = entry is not None and entry.sha256 == file.sha256
        old = "" if entry is None else file.content if same_content else seen.texts.get(file.path)
        yield FileChange(file.path, file, old, "missing" if entry is None else "mode" if same_content else "content")
    brings = set(wanted.packages) - set(seen.packages)
    for path in wanted.absent:
        if path in seen.entries or brings:
            why = "unwanted" if path in seen.entries else "unwanted, if a package brings it"
            yield FileChange(path, None, seen.texts.get(path), why)
    known = {file.path for other in roles.values() for file in other.files} | set(wanted.absent)
    for path in seen.managed.get(role, ()):
        if path.startswith("/") and path not in known:
            yield FileChange(path, None, None, "no longer needed")


def _units(role: str, wanted: Desired, seen: Observed, written: set[str]) -> Iterable[UnitChange]:
    for unit in wanted.units:
        state = seen.units.get(unit.name, UnitState("not-found", "inactive", "dead", ""))
        restart, reload = wanted.restart_fingerprint(unit), wanted.reload_fingerprint(unit)
        verbs, why = _verbs(role, wanted, unit, state, seen.stamps, written)
        if verbs:
            yield UnitChange(unit, verbs, why, restart, reload)
    names = {unit.name for unit in wanted.units}
    for line in seen.managed.get(role, ()):
        name = line.removeprefix("unit ")
        if name != line and name not in names:
            yield UnitChange(Unit(name, running=False, enabled=False), ("stop", "disable"), "no longer needed", "", "")


def _verbs(
    role: str, wanted: Desired, unit: Unit, state: UnitState, stamps: Mapping[str, str], written: set[str]
) -> tuple[tuple[Verb, ...], str]:
    verbs: list[Verb] = []
    if not unit.enabled and (state.enabled.startswith("enabled") or state.load == "not-found"):
        verbs.append("disable")
    if unit.enabled and state.enabled in {"disabled", "masked", "enabled-runtime", ""}:
        verbs.append("enable")
    if not unit.running:
        stop = state.active in {"active", "activating", "reloading"}
        return (("stop", *verbs) if stop else tuple(verbs)), "not part of this stack"
    stamp = stamps.get(f"{role}.{unit.name}", "").split()
    old_restart, old_reload = (*stamp, "", "")[:2]
    touched = {file.path for file in wanted.matching(unit.restart_on)} & written
    softly = {file.path for file in wanted.matching(unit.reload_on)} & written
    if state.active not in {"active", "reloading"} and not (unit.waits and state.active == "activating"):
        return (*verbs, "start"), f"is {state.active}"
    if old_restart != wanted.restart_fingerprint(unit) or touched:
        return (*verbs, "restart"), ", ".join(sorted(touched)) or "runs with an older configuration"
    if old_reload != wanted.reload_fingerprint(unit) or softly:
        return (*verbs, "reload"), ", ".join(sorted(softly)) or "runs with an older configuration"
    return tuple(verbs), "not enabled"


def _fetch_what_others_need(hosts: Sequence[HostPlan], desired: Mapping[str, Mapping[str, Desired]]) -> list[HostPlan]:
    """A task that fetches a file is due as well when another host's due task takes that file and it is not here."""
    needed = {c.task.artifact for h in hosts for r in h.roles for c in r.tasks if c.task.artifact is not None}
    missing = {path for path in needed if not path.exists()}
    return [replace(h, roles=tuple(_with_fetches(r, desired[h.host][r.role], missing) for r in h.roles)) for h in hosts]


def _with_fetches(plan: RolePlan, wanted: Desired, missing: set[Path]) -> RolePlan:
    due = {change.task.name: change for change in plan.tasks}
    for task in wanted.tasks:
        if task.fetch is not None and task.fetch[1] in missing:
            due.setdefault(task.name, TaskChange(task, task.want))
    ordered = tuple(due[task.name] for task in wanted.tasks if task.name in due)
    return plan if ordered == plan.tasks else replace(plan, tasks=ordered)
