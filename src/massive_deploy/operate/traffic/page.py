"""A traffic report as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from massive_deploy.operate.traffic.script import Span
from massive_deploy.operate.traffic.tally import Tally, moment
from massive_deploy.operate.traffic.words import Table, tables

WIDTH, HEIGHT = 960, 160
STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #59636e; --paper: #fff; --line: #d1d9e0; --bar: #0969da;
  --bad: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9198a1; --paper: #0d1117; --line: #3d444d;
  --bar: #4493f8; --bad: #f85149; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th { color: var(--dim); font-weight: normal; text-align: left; }
td, th { border-bottom: 1px solid var(--line); padding: .2rem 1.5rem .2rem 0; }
td:first-child { overflow-wrap: anywhere; min-width: 7rem; max-width: 34rem; }
td:not(:first-child), th:not(:first-child) { text-align: right; white-space: nowrap; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
.bar { fill: var(--bar); } .bad { fill: var(--bad); } svg text { fill: var(--dim); }
"""


def page(tally: Tally, hosts: Mapping[str, int], span: Span, top: int, name: str) -> str:
    """The whole file; `name` is the inventory's."""
    title = escape(f"Traffic of {name}")
    shown = "".join(_table(table) for table in tables(tally, hosts, span, top))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><h1>{title}</h1><p>{moment(span.since)} to {moment(span.until)}, on {escape(', '.join(hosts))}.</p>\n"
        f"{timeline(tally, span)}\n<p>Requests in {span.step} s each; red: answered with 5xx.</p>\n"
        f"{shown}</body></html>\n"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return f'<h2>{escape(table.title)}</h2><div class="scroll"><table><tr>{head}</tr>{rows}</table></div>\n'


def timeline(tally: Tally, span: Span) -> str:
    """Bars of requests, and of failures before them."""
    first = span.since - span.since % span.step
    number = (span.until - first) // span.step + 1
    width = WIDTH / number
    highest = max([*tally.spans.values(), 1])
    parts = []
    for begin, count in sorted(tally.spans.items()):
        left = round((begin - first) // span.step * width, 1)
        for kind, value in (("bar", count), ("bad", tally.failures[begin])):
            if value:
                high = max(1.0, round(value / highest * HEIGHT, 1))
                box = f'x="{left}" y="{HEIGHT - high:g}" width="{max(1.0, round(width - 1, 1))}" height="{high}"'
                parts.append(f'<rect class="{kind}" {box}><title>{moment(begin)}: {value:,}</title></rect>')
    words = f'<text x="0" y="{HEIGHT + 16}">{moment(span.since)}</text>'
    words += f'<text x="{WIDTH}" y="{HEIGHT + 16}" text-anchor="end">{moment(span.until)}</text>'
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 22}" role="img" aria-label="Requests">{"".join(parts)}{words}</svg>'
