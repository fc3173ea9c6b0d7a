"""One script a host with every check's part in it, and the judging of what it printed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from massive_deploy.audit.check import Check, Result, Skipped, Subject, Unclear

MARK = "@@ audit "
END = "end"
PATIENCE = 20
"""Seconds each check's part may take on a host."""


def script(checks: Mapping[str, Check], subject: Subject) -> str:
    """Shell text for a host: each part by itself, so that none can end or confuse another."""
    lines = ["export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    for name, check in checks.items():
        if part := check.script(subject):
            lines += [f"echo; echo {shlex.quote(MARK + name)}", f"timeout {PATIENCE} sh -c {shlex.quote(part)} 2>&1"]
    return "\n".join([*lines, f"echo; echo {shlex.quote(MARK + END)}", "true"])


def judge(checks: Mapping[str, Check], subject: Subject, output: str) -> list[Result]:
    """One result for each check, from what the host's script printed."""
    seen = _parts(output, {*checks, END})
    return [_judged(name, check, subject, seen) for name, check in checks.items()]


def _judged(name: str, check: Check, subject: Subject, seen: Mapping[str, str]) -> Result:
    host = subject.host.name
    asked = bool(check.script(subject))
    if asked and (name not in seen or END not in seen):
        return Result(name, host, "error", why="the host's answer is incomplete")
    try:
        findings = tuple(check.judge(subject, seen.get(name, "")))
    except Skipped as reason:
        return Result(name, host, "skipped", why=str(reason))
    except Unclear as reason:
        return Result(name, host, "error", why=str(reason))
    return Result(name, host, "failed" if findings else "passed", findings)


def _parts(output: str, names: Iterable[str]) -> dict[str, str]:
    known = {f"{MARK}{name}": name for name in names}
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in output.splitlines():
        if line in known and known[line] not in found:
            current = found.setdefault(known[line], [])
        else:
            current.append(line)
    return {name: "\n".join(lines).strip("\n") for name, lines in found.items()}
