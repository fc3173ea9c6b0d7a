"""A traffic report in the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table as Drawn
from rich.text import Text

from massive_deploy.operate.traffic.script import Span
from massive_deploy.operate.traffic.tally import Tally
from massive_deploy.operate.traffic.words import Table, tables

LEVELS = "▁▂▃▄▅▆▇█"


def report(tally: Tally, hosts: Mapping[str, int], span: Span, top: int) -> RenderableType:
    """All tables below each other, the first with the requests over time."""
    shown: list[RenderableType] = []
    for table in tables(tally, hosts, span, top):
        shown += [Text(), _drawn(table)] if shown else [_drawn(table), Text(f"\n{line(tally, span)}")]
    return Group(*shown)


def line(tally: Tally, span: Span) -> str:
    """Requests over time in one line of text."""
    first = span.since - span.since % span.step
    counts = [tally.spans[begin] for begin in range(first, span.until + 1, span.step)]
    highest = max([*counts, 1])
    bars = "".join(LEVELS[min(7, count * 8 // highest)] if count else " " for count in counts)
    return f"{bars}  at most {highest:,} in {span.step} s"


def _drawn(table: Table) -> Drawn:
    drawn = Drawn(box=None, header_style="dim", pad_edge=False, show_header=any(table.columns))
    for number, column in enumerate(table.columns):
        first = number == 0
        drawn.add_column(
            table.title if first and column else column,
            justify="left" if first else "right",
            overflow="fold" if first else "ellipsis",
        )
    for name, *figures in table.rows:
        # What visitors sent must not steer the terminal.
        drawn.add_row(Text("".join(char if char.isprintable() else " " for char in name)), *figures)
    return drawn
