"""Requests made by wrk or h2load, and what they say of them."""

from __future__ import annotations

import json
import math
import shlex
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.process import Failed

WRK_LUA = Path(__file__).with_name("wrk.lua")
LUA = "/srv/bench/wrk.lua"
LOG = "/dev/shm/bench-paced.log"  # noqa: S108 - on a host of our own


@dataclass(frozen=True, slots=True)
class Load:
    """One run: requests that were answered, its length in seconds, latencies in ms, and how many were no success."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int

    @property
    def rate(self) -> float:
        """Requests a second that were answered well."""
        return max(0, self.requests - self.failed) / self.seconds


def wrk(url: str, connections: int, seconds: int, headers: Mapping[str, str] | None = None) -> str:
    """A shell line: as many requests as these connections can make."""
    words = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", LUA]
    for name, value in (headers or {}).items():
        words += ["-H", f"{name}: {value}"]
    return shlex.join([*words, url])


def paced(url: str, connections: int, seconds: int, rate: float) -> str:
    """A shell line: this many requests a second, evenly over the connections, after two seconds of the same."""
    each = f"--rps={rate / connections:.3f}"
    clock = ["-D", f"{seconds}s", "--warm-up-time", "2s"]
    line = shlex.join(["h2load", "--h1", "-t1", f"-c{connections}", each, *clock, "--log-file", LOG, url])
    return f"rm -f {LOG}; {line} >/dev/null && cut -f2,3 {LOG}"


def from_wrk(output: str) -> Load:
    """The run that wrk.lua tells in the last line that is JSON.

    Raises:
        Failed: there is none, or nothing was answered.
    """
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise Failed(f"wrk says nothing of its run:\n{output[-1000:]}")
    told = json.loads(lines[-1])
    failed = told["status"] + told["socket"] + told["timeout"]
    if not told["requests"] or not told["time"]:
        raise Failed(f"wrk got no answer at all: {lines[-1]}")
    return Load(told["requests"], told["time"] / 1e6, told["p50"] / 1000, told["p99"] / 1000, failed)


def from_h2load(output: str, seconds: float) -> Load:
    """The run of `paced`: lines of status, tab, microseconds; a status of -1 is no answer.

    Raises:
        Failed: no line, so nothing was answered.
    """
    rows = [line.split("\t") for line in output.splitlines() if "\t" in line]
    if not rows:
        raise Failed(f"h2load got no answer at all:\n{output[-1000:]}")
    times = sorted(int(time) / 1000 for _, time in rows)
    failed = sum(not 200 <= int(status) < 400 for status, _ in rows)
    return Load(len(rows), seconds, percentile(times, 0.5), percentile(times, 0.99), failed)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of the values does not exceed; they are sorted."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ratio(measured: Sequence[float], baseline: Sequence[float]) -> float:
    """The median of the rounds' own ratios: what slows a whole round is in both of its figures.

    Raises:
        Failed: a baseline of nothing, or rounds that are not pairs.
    """
    if len(measured) != len(baseline) or not baseline or not all(baseline):
        raise Failed(f"no ratio of {list(measured)} to {list(baseline)}")
    return statistics.median(one / other for one, other in zip(measured, baseline, strict=True))
