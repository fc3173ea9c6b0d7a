"""Alerts as values. Roles describe theirs in alerts.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from massive_deploy.topology.layout import Layout

Severity = Literal["critical", "warning", "none"]

SCRAPES = 4
"""A rate needs two samples, and one may get lost."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What must not be, as PromQL, and what whoever is told needs to know.

    It fires once `expr` has had a series for `hold` seconds. `summary` names the host and the number, `feels` says
    what visitors notice, `look` is what to type next; all three may hold Prometheus' templates (`{{ $labels.host }}`,
    `{{ $value }}`). `page` is where to read on; by default the section of that name in docs/alerts.md.
    """

    name: str
    expr: str
    hold: int
    severity: Severity
    summary: str
    feels: str
    look: str
    labels: Mapping[str, str] = field(default_factory=dict)
    page: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A query under a name of its own, worked out before the alerts that follow it."""

    name: str
    expr: str


Rule = Alert | Record


@dataclass(frozen=True, slots=True)
class Watched:
    """A unit, whose it is, the hosts it must be active on, and what visitors notice when it is not."""

    role: str
    unit: str
    hosts: tuple[str, ...]
    feels: str


def window(layout: Layout, seconds: int) -> str:
    """A span for `rate`, in PromQL: so many seconds, or more where scrapes are rare."""
    return f"{max(seconds, SCRAPES * layout.settings['monitoring'].scrape_seconds)}s"


def logs(role: str, *, everywhere: bool = False) -> str:
    """What to type to read what a role wrote in the last quarter of an hour, on the alert's host or on all."""
    hosts = "" if everywhere else " --hosts {{ $labels.host }}"
    return f"massive-deploy logs INVENTORY{hosts} --roles {role} --since 15m"


def unanswered(role: str, metric: str, feels: str) -> Alert:
    """The role's exporter lives and says by `metric` that the service behind it does not answer."""
    return Alert(
        "ServiceDoesNotAnswer",
        f"{metric} == 0",
        60,
        "critical",
        f"{role} on {{{{ $labels.host }}}} does not answer its exporter",
        feels,
        logs(role),
        {"role": role},
    )
