"""One trial: a run is killed at some moment, the next one goes on, and all must be as if nothing had happened."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from digest import State, differences, state
from harness import Stack
from oracles import astray, leftovers, secrets


class Scenario(Protocol):
    """What is killed: `reset` brings the stack to where the run starts, `before` and `after` guard its data."""

    name: str
    stack: Stack

    def variant(self, seed: int) -> str: ...
    def reset(self, seed: int) -> None: ...
    def before(self, seed: int) -> None: ...
    def after(self) -> list[str]: ...


@dataclass
class Result:
    """How a trial went. `moment` and the durations are in seconds; `stage` is what the killed run was at."""

    scenario: str
    seed: int
    moment: float
    full: float
    stage: str = ""
    step: str = ""
    alive: bool = True
    rerun: float = 0.0
    took: float = 0.0
    rows: int = 0
    problems: list[str] = field(default_factory=list)
    evidence: str = ""

    def row(self) -> dict[str, Any]:
        """For JSON, with the whole evidence left to its file."""
        return {name: value for name, value in asdict(self).items() if name != "evidence"}


@dataclass(frozen=True)
class Kill:
    """A moment on the clock of an uninterrupted run: after that many lines of its log, and some seconds more.

    So it hits the same work whether the machine is busier now or not.
    """

    moment: float
    lines: int
    seconds: float

    @classmethod
    def at(cls, moment: float, timeline: Sequence[float]) -> Kill:
        """`timeline` has the second at which each line of the log came."""
        lines = sum(second <= moment for second in timeline)
        return cls(moment, lines, moment - (timeline[lines - 1] if lines else 0))


def run(stack: Stack, kill: Kill | None = None) -> tuple[bool, list[float]]:
    """`up`, killed with SIGKILL at some moment; whether it was still at work, and when each line of its log came."""
    line = [sys.executable, "-m", "massive_deploy", "up", str(stack.folder)]
    before, began, timeline = set(_logs(stack)), time.monotonic(), list[float]()
    process = subprocess.Popen(line, env=dict(stack.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        fresh = [path for path in _logs(stack) if path not in before]
        now = time.monotonic() - began
        there = fresh[0].read_bytes().count(b"\n") if fresh else 0
        timeline += [now] * (there - len(timeline))
        since = timeline[kill.lines - 1] if kill and 0 < kill.lines <= there else 0
        if kill and there >= kill.lines and (now >= since + kill.seconds or there > kill.lines):
            process.kill()
        time.sleep(0.01)
    return process.wait() < 0, timeline


def place(stack: Stack) -> tuple[str, str]:
    """The stage and the step the last run was at."""
    logs = _logs(stack)
    return _place(logs[-1].read_text(encoding="utf-8") if logs else "")


def _logs(stack: Stack) -> list[Path]:
    runs = Path(stack.environment["XDG_STATE_HOME"]) / "massive-deploy" / stack.name / "runs"
    return sorted(runs.glob("*-up.log"))


def _place(log: str) -> tuple[str, str]:
    stages = re.findall(r"^ *[\d.]+ stage (\d+/\d+ .*?) on ", log, re.MULTILINE)
    started = re.findall(r"^ *[\d.]+ (start|done) (.*)", log, re.MULTILINE)
    if stages:
        return stages[-1], " ".join(started[-1])[:100] if started else ""
    lines = log.splitlines()
    if len(lines) < 2:
        return "opening", ""
    return "comparing" if any("ready" in line or "Plan" in line for line in lines) else "machines", lines[-1][9:109]


def trial(scenario: Scenario, seed: int, kill: Kill, full: float, reference: State | None) -> Result:
    """Reset, kill, run again, and look at everything; at the hosts' whole state only when there is a reference."""
    result, stack = Result(scenario.name, seed, kill.moment, full), scenario.stack
    start = time.monotonic()
    scenario.reset(seed)
    scenario.before(seed)
    before = len(_logs(stack))
    result.alive, _ = run(stack, kill)
    result.stage, result.step = place(stack) if len(_logs(stack)) > before else ("opening", "")
    folder, said = str(stack.folder), []
    again = time.monotonic()
    for words, wanted in (
        (("up", folder), ""),
        (("up", folder, "--lock-wait", "0"), " 0 operations"),
        (("plan", folder), ""),
    ):
        ended = stack.command(*words, code=None)
        result.rerun = result.rerun or time.monotonic() - again
        said.append(f"$ {' '.join(words)}\nexit {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
        if ended.returncode or wanted not in ended.stdout:
            tail = (ended.stderr or ended.stdout).strip()[-200:]
            result.problems.append(f"{words[0]}: exit {ended.returncode}, {tail}")
    result.problems += scenario.after()
    if rows := getattr(scenario, "rows", None):
        result.rows = len(rows.acknowledged)
    result.problems += look(stack, reference)
    result.took = time.monotonic() - start
    if result.problems:
        result.evidence = "\n".join([*result.problems, *said, *_evidence(stack)])
    return result


def look(stack: Stack, reference: State | None) -> list[str]:
    """Everything that is not as after an uninterrupted run."""
    found = differences(reference, state(stack)) if reference is not None else []
    found += [f"left behind: {line}" for line in leftovers(stack)]
    return found + [f"a secret: {line}" for line in astray(stack, secrets(stack))]


def _evidence(stack: Stack) -> list[str]:
    logs = [f"--- {path}\n{path.read_text(encoding='utf-8')}" for path in _logs(stack)[-3:]]
    journal = "tail -n 60 /var/log/massive-deploy-packages.log; journalctl --no-pager -n 150; ps axf"
    return [*logs, *(f"--- {host}\n{stack.inside(host, journal)}" for host in stack.hosts())]
