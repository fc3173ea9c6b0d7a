"""Series of the edge's benchmark, and the ratios between them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from bench.load import Load, ratio
from bench.report import Goal
from bench.usage import Usage

NGINX, BARE, OWN, CACHED, TLS = "nginx, static", "Varnish, bare", "Varnish, ours", "edge, cached", "edge, cached, TLS"
BARE_TLS = "Varnish, bare, beside TLS"
PRODUCT, PLAIN_PRODUCT = "edge, product", "plain Django, product"
PLAIN, UNCACHED = "plain Django", "edge, uncached, 50 ms"
GEVENT, SYNC, DIRECT = "generated gunicorn, 50 ms", "gunicorn sync, 50 ms", "plain Django, 50 ms"


@dataclass(slots=True)
class Measured:
    """All runs of a series, with what else happened on the machine."""

    loads: list[Load] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)

    def rates(self) -> list[float]:
        """Requests a second, by round."""
        return [load.rate for load in self.loads]

    def units(self) -> list[str]:
        """Services of that host that worked, the busiest first."""
        return sorted({unit for use in self.usages for unit in use.units}, key=self.each, reverse=True)

    def each(self, unit: str) -> float:
        """Microseconds of CPU that a service of that host spent on a request."""
        spent = sum(use.units.get(unit, 0.0) for use in self.usages)
        return 1e6 * spent / max(1, sum(load.requests for load in self.loads))


# What is told of each series: itself, to which it is a ratio, and the least or most that is wanted of it.
RATIOS: tuple[tuple[str, str, float | None], ...] = (
    (NGINX, BARE, None),
    (OWN, BARE, None),
    (CACHED, BARE, 1.0),
    (CACHED, NGINX, None),
    (TLS, BARE_TLS, 0.7),
    (CACHED, PLAIN, 50),
    (PRODUCT, PLAIN_PRODUCT, 50),
    (GEVENT, SYNC, 15),
    (GEVENT, DIRECT, None),
    (UNCACHED, GEVENT, None),
)
LATENCIES = ((f"{CACHED}, half", 10), (f"{TLS}, half", 10), ("herd", 20))


def paired(series: Mapping[str, Measured]) -> list[tuple[str, str, float | None]]:
    """Those of RATIOS of which all rounds are there: a run that broke off may lack some."""
    there = {name: len(one.loads) for name, one in series.items()}
    return [(one, other, bound) for one, other, bound in RATIOS if 0 < there.get(one, 0) == there.get(other, 0)]


def goals(series: Mapping[str, Measured]) -> list[Goal]:
    """What issue and documentation promise, of what was measured."""
    found = [
        Goal(f"{name} / {other}", ratio(series[name].rates(), series[other].rates()), bound, at_most=False, unit="x")
        for name, other, bound in paired(series)
        if bound is not None
    ]
    for name, most in LATENCIES:
        if name in series:
            p99 = statistics.median(load.p99 for load in series[name].loads)
            found.append(Goal(f"{name}: p99", p99, most, unit=" ms"))
    kept = [load for name in (CACHED, TLS, PRODUCT, "herd") if name in series for load in series[name].loads]
    if kept:
        found.append(Goal("cached pages: requests that failed", sum(load.failed for load in kept), 0))
    return found


def table(series: Mapping[str, Measured]) -> Table:
    """Ratios of the rounds with their medians, beside what each side had."""
    made = Table(title="Ratios, medians of the rounds' own", title_justify="left")
    made.add_column("", no_wrap=True)
    headings = ("ratio", "lowest", "highest", "requests/s", "beside", "p99 ms", "CPU µs a request", "failed", "others")
    for heading in headings:
        made.add_column(heading, justify="right", no_wrap=True)
    for name, other, _ in paired(series):
        one, beside = series[name], series[other]
        each = [a / b for a, b in zip(one.rates(), beside.rates(), strict=True) if b]
        made.add_row(
            f"{name} / {other}",
            f"{ratio(one.rates(), beside.rates()):.2f}",
            f"{min(each):.2f}",
            f"{max(each):.2f}",
            f"{statistics.median(one.rates()):.0f}",
            f"{statistics.median(beside.rates()):.0f}",
            f"{statistics.median(load.p99 for load in one.loads):.1f}",
            ", ".join(f"{unit} {one.each(unit):.0f}" for unit in one.units()[:3]),
            str(sum(load.failed for load in one.loads)),
            f"{statistics.median(use.others for use in one.usages):.0%}",
        )
    return made


def facts(series: Mapping[str, Measured]) -> dict[str, Any]:
    """By series: what every run had beside its rate."""
    return {
        name: {
            "p50 ms": [round(load.p50, 2) for load in one.loads],
            "p99 ms": [round(load.p99, 2) for load in one.loads],
            "failed": [load.failed for load in one.loads],
            "CPU of others": [round(use.others, 3) for use in one.usages],
            "CPU us a request": {unit: round(one.each(unit), 1) for unit in one.units()},
        }
        for name, one in series.items()
    }
