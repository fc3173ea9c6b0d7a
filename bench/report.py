"""Figures and goals: printed as a table, kept as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and its bound: `at_most` where less is better, otherwise at least."""

    what: str
    value: float
    bound: float
    at_most: bool = True
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is within the bound."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        away = abs(self.value / self.bound - 1) if self.bound else 0.0
        verdict = "met" if self.met else f"missed by {away:.0%}"
        return f"{self.what:<58} {self.value:8.2f}{self.unit}  goal {sign} {self.bound:g}{self.unit}: {verdict}"


@dataclass(slots=True)
class Report:
    """Everything one run of a benchmark found. Times are in seconds, memory in MiB."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)

    def add(self, series: str, seconds: float) -> None:
        """One more measurement of a series."""
        self.times.setdefault(series, []).append(round(seconds, 2))
        print(f"  {series}: {seconds:.2f}", flush=True)  # noqa: T201

    def note(self, key: str, value: Any) -> None:
        """A fact that is no time: what was seen, which version."""
        self.facts[key] = value
        print(f"  {key}: {value}", flush=True)  # noqa: T201

    def median(self, series: str) -> float:
        """The median of a series."""
        return statistics.median(self.times[series])

    def finish(self, file: Path) -> bool:
        """Print the table, write the JSON; whether every goal is met."""
        lines = [f"\n{self.name}", ""]
        for series, values in self.times.items():
            each = " ".join(f"{value:.2f}" for value in values)
            lines.append(f"{series:<42} median {statistics.median(values):8.2f}   ({each})")
        lines += ["", *map(str, self.goals)]
        print("\n".join(lines), flush=True)  # noqa: T201
        content = {
            "benchmark": self.name,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "facts": self.facts,
            "times": self.times,
            "medians": {series: statistics.median(values) for series, values in self.times.items()},
            "goals": [_goal(goal) for goal in self.goals],
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        return all(goal.met for goal in self.goals)


def _goal(goal: Goal) -> dict[str, Any]:
    sign = "at most" if goal.at_most else "at least"
    return {"what": goal.what, "value": round(goal.value, 3), "bound": goal.bound, "sign": sign, "met": goal.met}


def machine() -> dict[str, Any]:
    """What it ran on."""
    load = [round(value, 2) for value in os.getloadavg()]
    return {"cpus": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release(), "load": load}


def rotated(names: Sequence[str], by: int) -> list[str]:
    """The names in another order for each repeat."""
    by %= len(names)
    return [*names[by:], *names[:by]]
