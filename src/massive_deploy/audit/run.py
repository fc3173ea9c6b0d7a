"""One script a host with every check's part in it, and the judging of what it printed."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping
from contextlib import suppress

from massive_deploy.audit.check import Check, Result, Skipped, Subject, Unclear

_MARK = "audit"
_END = ""
PATIENCE = 20
"""Seconds each check's part may take on a host."""


def script(checks: Mapping[str, Check], subject: Subject) -> str:
    """Shell text for a host: each part by itself and coded, so that none can end or confuse another."""
    lines = ["export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    for name, check in checks.items():
        if part := check.script(subject):
            run = f"timeout {PATIENCE} sh -c {shlex.quote(part)} 2>&1 </dev/null"
            lines.append(f"printf '%s\\t%s\\t' {_MARK} {shlex.quote(name)}\n{run} | base64 -w0\necho")
    return "\n".join([*lines, f"printf '%s\\t\\t\\n' {_MARK}"])


def judge(checks: Mapping[str, Check], subject: Subject, output: str) -> list[Result]:
    """One result for each check, from what the host's script printed."""
    seen = _parts(output)
    return [_judged(name, check, subject, seen) for name, check in checks.items()]


def _judged(name: str, check: Check, subject: Subject, seen: Mapping[str, str]) -> Result:
    host = subject.host.name
    asked = bool(check.script(subject))
    if asked and (name not in seen or _END not in seen):
        return Result(name, host, "error", why="the host's answer is incomplete")
    try:
        findings = tuple(check.judge(subject, seen.get(name, "")))
    except Skipped as reason:
        return Result(name, host, "skipped", why=str(reason))
    except Unclear as reason:
        return Result(name, host, "error", why=str(reason))
    return Result(name, host, "failed" if findings else "passed", findings)


def _parts(output: str) -> dict[str, str]:
    found = {}
    for line in output.splitlines():
        mark, *words = line.split("\t")
        if mark == _MARK and len(words) == 2:
            with suppress(ValueError):  # cut off on its way: then it counts as missing
                found[words[0]] = base64.b64decode(words[1], validate=True).decode("utf-8", "replace").strip("\n")
    return found
