"""Dashboards as values: pages of rows of panels. Roles describe theirs in panels.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Unit = Literal["count", "per second", "ratio", "bytes", "bytes/s", "seconds", "on/off"]
Kind = Literal["lines", "stacked", "stat"]

RANGE = "$range"
"""In a query: a span that holds at least four scrapes, and no less than what one point of the chart stands for."""

RELEASES = "max by (host, release, ref, commit) (massive_release_live_timestamp_seconds)"
"""When each app host began to serve its release, as a Unix time: the marks in all charts."""


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and the name of each of its series with labels in braces, as in `{host} {state}`."""

    promql: str
    legend: str = "{host}"


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a figure becomes worth a look, and where it is bad: at or above it, or with `below` at or below it."""

    warning: float | None = None
    critical: float | None = None
    below: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart, or one figure with its course (`stat`).

    `means` says in a sentence or two what it shows and what to make of it. `needs` are roles besides the one that
    describes the panel. `empty` is what it means when there is no series: only panels that have it may be empty.
    """

    title: str
    queries: tuple[Query, ...]
    unit: Unit
    means: str
    kind: Kind = "lines"
    limits: Limits = Limits()
    needs: tuple[str, ...] = ()
    empty: str = ""

    @property
    def slug(self) -> str:
        """Its name in addresses, unique within a dashboard."""
        return slug(self.title)


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading of a page. Rows of several roles with one page and title become one."""

    page: str
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page. `name` is its file's, without an ending."""

    name: str
    title: str
    about: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of them, from the top."""
        return tuple(panel for row in self.rows for panel in row.panels)


def slug(text: str) -> str:
    """Lower-case letters and digits with single hyphens between."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
