"""Figures of an access log as people read them; tables of rows for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from massive_deploy.operate.traffic.script import Span
from massive_deploy.operate.traffic.tally import QUANTILES, Path, Tally, cache_name
from massive_deploy.operate.units import size


@dataclass(frozen=True, slots=True)
class Table:
    """A title, its columns (the first is text, the others figures) and rows of words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(tally: Tally, hosts: Mapping[str, int], span: Span, top: int) -> list[Table]:
    """The whole report in its order."""
    whole = max(1, tally.requests)
    length = max(1, span.until - span.since)
    times = [(f"p{part * 100:g}", seconds(tally.quantile(part))) for part in QUANTILES]
    summary = [
        ("requests", f"{tally.requests:,}"),
        ("a second", f"{tally.requests / length:,.1f}"),
        ("bytes", size(tally.bytes)),
        *times,
        ("slowest", seconds(tally.longest)),
        *([("lines not understood", f"{tally.unreadable:,}")] if tally.unreadable else []),
    ]
    counted = ("requests", "share")
    asked = ("requests", "share", "of the time", "mean", "slowest")
    found = [
        Table("all", ("", ""), tuple(summary)),
        _counts("class", counted, tally.classes, whole),
        _counts("status", counted, {str(code): n for code, n in sorted(tally.statuses.items())}, whole),
        _counts("answered by", counted, {cache_name(*key): n for key, n in tally.caches.most_common()}, whole),
        *([_counts("edge server", counted, hosts, whole)] if len(hosts) > 1 else []),
        Table("most asked", ("path", *asked), tuple(_path(tally, *item) for item in tally.most_asked(top))),
        Table("slowest on average", ("path", *asked), tuple(_path(tally, *item) for item in tally.slowest(top))),
        _counts("client network", counted, dict(tally.networks.most_common(top)), whole),
        _counts("agent", counted, dict(tally.agents.most_common(top)), whole),
    ]
    return [table for table in found if table.rows]


def _counts(name: str, columns: tuple[str, ...], counts: Mapping[str, int], whole: int) -> Table:
    rows = tuple((what, f"{count:,}", share(count / whole)) for what, count in counts.items())
    return Table(name, (name, *columns), rows)


def _path(tally: Tally, name: str, path: Path) -> tuple[str, ...]:
    return (
        name,
        f"{path.requests:,}",
        share(path.requests / max(1, tally.requests)),
        share(path.seconds / tally.seconds if tally.seconds else 0),
        seconds(path.mean),
        seconds(path.slowest),
    )


def share(part: float) -> str:
    """Percent."""
    return f"{part * 100:.1f} %"


def seconds(value: float) -> str:
    """Milliseconds below a second."""
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"
