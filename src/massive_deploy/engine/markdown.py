"""The plan as Markdown, for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from massive_deploy.engine.plan import HostPlan, Plan, RolePlan
from massive_deploy.engine.report import diff, summary


def markdown(plan: Plan, title: str) -> str:
    """Summary first, then a section per host; diffs are folded away. Contents of secret files never appear."""
    lines = [f"### massive-deploy plan: {title}", "", summary(plan), ""]
    for host in plan.hosts:
        if host.changes:
            lines += _host(host)
    return "\n".join(lines).rstrip() + "\n"


def _host(host: HostPlan) -> Iterator[str]:
    yield f"<details><summary><b>{host.host}</b>{' (new)' if host.created else ''}: {host.changes} changes</summary>"
    yield ""
    if host.packages:
        yield f"- packages: {', '.join(f'`{name}`' for name in host.packages)}"
    for role in host.roles:
        yield from _role(role)
    yield ""
    yield "</details>"
    yield ""


def _role(role: RolePlan) -> Iterator[str]:
    for user in role.users:
        yield f"- **{role.role}**: user `{user.name}`"
    for change in role.files:
        yield f"- **{role.role}**: `{change.path}` ({change.why})"
        shown = diff(change)
        if shown:
            fence = "`" * (max(3, *(_ticks(line) for line in shown)) + 1)
            yield from ("", f"  {fence}diff", *(f"  {line}" for line in shown), f"  {fence}", "")
    for task in role.tasks:
        yield f"- **{role.role}**: {task.seen if task.task.in_turn else task.task.name}"
    for unit in role.units:
        yield f"- **{role.role}**: {', '.join(unit.verbs)} `{unit.unit.name}`"


def _ticks(line: str) -> int:
    longest = run = 0
    for char in line:
        run = run + 1 if char == "`" else 0
        longest = max(longest, run)
    return longest
