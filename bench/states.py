"""Tasks and gates of the tool's desired state as plain shell, for the baselines."""

from __future__ import annotations

import base64
import shlex

from massive_deploy.desired import Gate, Task


def unconditional(task: Task) -> str:
    """Does the task without looking first, then waits until it is so. A subshell; reads nothing from outside."""
    stdin = base64.b64encode(task.stdin.encode()).decode()
    run = ["set -eu", f"echo {stdin} | base64 -d | run", *_confirm(task), *_settle(task)]
    return "\n".join(["(", f"run() {{\n{task.run}\n}}", *run, ")"])


def checked(task: Task) -> str:
    """Does the task only where it is not so yet, and prints `changed` then. Reads the task's standard input."""
    lines = [
        f"run() {{\n{task.run}\n}}",
        "set -eu",
        f'[ "$({_seen(task)})" != {shlex.quote(task.want.strip())} ] || exit 0',
    ]
    return "\n".join([*lines, "run", *_confirm(task), *_settle(task), "echo changed"])


def waiting(gate: Gate) -> str:
    """Waits for the gate."""
    ask = f"timeout 10 sh -c {shlex.quote(gate.command)} >/dev/null 2>&1 </dev/null"
    return _until(ask, gate.seconds, gate.name)


def _seen(task: Task) -> str:
    return f"timeout 10 sh -c {shlex.quote(task.observe)} 2>/dev/null </dev/null"


def _confirm(task: Task) -> list[str]:
    """Over the same connection: a baseline does not try whether another one comes in."""
    return [f"(\n{task.confirm}\n)"] if task.confirm else []


def _settle(task: Task) -> list[str]:
    if not task.settle:
        return []
    return [_until(f'[ "$({_seen(task)})" = {shlex.quote(task.want.strip())} ]', task.settle, task.name)]


def _until(true: str, seconds: int, what: str) -> str:
    late = shlex.quote(f"not within {seconds} s: {what}")
    return "\n".join(
        [
            f"end=$(( $(date +%s) + {seconds} ))",
            f"until {true}; do",
            f'  [ "$(date +%s)" -lt $end ] || {{ echo {late} >&2; exit 1; }}',
            "  sleep 0.5",
            "done",
        ]
    )
