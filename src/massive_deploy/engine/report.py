"""The plan for people (text) and programs (JSON). Contents of secret files never appear in either."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from massive_deploy.engine.plan import FileChange, HostPlan, Plan, RolePlan

MARKS = {"missing": "+", "content": "~", "mode": "~"}


def diff(change: FileChange) -> list[str]:
    """Unified diff of a changed file; empty for new, removed, unreadable and secret ones."""
    if change.new is None or change.new.secret or not change.old:
        return []
    old, new = change.old.splitlines(), change.new.content.splitlines()
    return list(difflib.unified_diff(old, new, f"{change.path} (host)", f"{change.path} (topology)", lineterm="", n=2))


def lines(plan: Plan) -> Iterator[str]:
    """The plan as text, host by host; hosts without changes are left out."""
    for host in plan.hosts:
        if host.changes:
            yield host.host + (" (to be created)" if host.created else "")
            yield from _host(host)
    yield summary(plan)


def _host(host: HostPlan) -> Iterator[str]:
    if host.heal_dpkg:
        yield "  ! finish an interrupted dpkg run"
    if host.packages:
        yield f"  + packages: {' '.join(host.packages)}"
    for role in host.roles:
        if role.changes:
            yield f"  {role.role}"
            yield from _role(role)
    for role_name in host.leftovers:
        yield f"  ? {role_name} is no longer part of this host and still there"


def _role(role: RolePlan) -> Iterator[str]:
    yield from (f"    + user {user.name}" for user in role.users)
    yield from (f"    + directory {directory.path}" for directory in role.directories)
    for change in role.files:
        secret = ", content not shown" if change.new is not None and change.new.secret else ""
        yield f"    {MARKS.get(change.why, '-')} {change.path} ({change.why}{secret})"
        yield from (f"        {line}" for line in diff(change))
    for task in role.tasks:
        if task.task.in_turn:
            yield from (f"    ! {line}" for line in task.seen.splitlines())
            continue
        yield f"    > {task.task.name}"
        if not task.task.secret and task.seen and task.seen != task.task.want:
            old, new = task.seen.splitlines(), task.task.want.splitlines()
            found = difflib.unified_diff(old, new, "host", "topology", lineterm="", n=1)
            yield from (f"        {line}" for line in found)
    for unit in role.units:
        yield f"    ! {', '.join(unit.verbs)} {unit.unit.name} ({unit.why})"


def summary(plan: Plan) -> str:
    """One line: hosts, files, restarts and reloads by name."""
    if not plan.changes:
        return "Plan: nothing to do, all hosts are as the topology says."
    roles = [role for host in plan.hosts for role in host.roles]
    files = sum(len(role.files) for role in roles)
    packages = sum(len(host.packages) for host in plan.hosts)
    tasks = sum(not task.task.in_turn for role in roles for task in role.tasks)
    changed = [host.host for host in plan.hosts if host.changes]
    parts = [f"{len(changed)} host{'s' * (len(changed) != 1)} to change ({', '.join(changed)})"]
    parts += [
        f"{count} {name}" for count, name in ((packages, "packages"), (files, "files"), (tasks, "tasks")) if count
    ]
    for verb in ("restart", "reload", "start", "stop"):
        units = [f"{u.unit.name}@{role.host}" for role in roles for u in role.units if verb in u.verbs]
        if units:
            shown = ", ".join(units[:8]) + (f" and {len(units) - 8} more" if len(units) > 8 else "")
            parts.append(f"{len(units)} {verb}{'s' * (len(units) != 1)}: {shown}")
    in_turn = [f"{task.task.name}@{role.host}" for role in roles for task in role.tasks if task.task.in_turn]
    parts += [f"one at a time: {', '.join(in_turn)}"] if in_turn else []
    return f"Plan: {'; '.join(parts)}"


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain data: {changes, hosts: [{host, packages, roles: [{role, files, tasks, units}]}]}."""
    return {"changes": plan.changes, "summary": summary(plan), "hosts": [_host_json(host) for host in plan.hosts]}


def _host_json(host: HostPlan) -> dict[str, Any]:
    roles = [_role_json(role) for role in host.roles if role.changes]
    return {
        "host": host.host,
        "created": host.created,
        "changes": host.changes,
        "packages": list(host.packages),
        "leftovers": list(host.leftovers),
        "roles": roles,
    }


def _role_json(role: RolePlan) -> dict[str, Any]:
    return {
        "role": role.role,
        "users": [user.name for user in role.users],
        "directories": [directory.path for directory in role.directories],
        "files": [{"path": f.path, "why": f.why, "diff": diff(f)} for f in role.files],
        "tasks": [task.seen if task.task.in_turn else task.task.name for task in role.tasks],
        "units": [{"unit": u.unit.name, "verbs": list(u.verbs), "why": u.why} for u in role.units],
    }
