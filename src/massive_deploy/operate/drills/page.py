"""A drill as one HTML file that needs nothing else: the figures, and a timeline drawn as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from massive_deploy.operate.drills.logs import Request, spans
from massive_deploy.operate.drills.report import rows, sentences

if TYPE_CHECKING:
    from massive_deploy.operate.drills.run import Drilled

WIDTH, LEFT, LANE, BAR = 960, 150, 30, 14
STEP = 0.5
"""Good answers no further apart (s) are drawn as one bar."""
STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #59636e; --paper: #fff; --line: #d1d9e0; --good: #1a7f37;
  --bad: #cf222e; --fault: #fff1c2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9198a1; --paper: #0d1117; --line: #3d444d;
  --good: #3fb950; --bad: #f85149; --fault: #3a2f10; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td { border-bottom: 1px solid var(--line); padding: .2rem 1.5rem .2rem 0; }
.scroll { overflow-x: auto; }
svg { min-width: 44rem; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .dim { fill: var(--dim); }
.good { fill: var(--good); } .bad { fill: var(--bad); } .fault { fill: var(--fault); }
.axis { stroke: var(--line); } .mark { stroke: var(--dim); stroke-dasharray: 3 3; } .wrong { color: var(--bad); }
"""


def page(drilled: Drilled) -> str:
    """The whole file."""
    result, told = drilled.result, drilled.told
    at = datetime.fromtimestamp(told.injected, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    cells = "".join(f"<tr><td>{escape(what)}</td><td>{escape(value)}</td></tr>" for what, value in rows(result))
    wrong = "".join(f'<p class="wrong">{escape(line)}</p>' for line in sentences(result, told.inventory))
    title = escape(f"Drill {result.fault} on {result.cluster}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f'<body><h1>{title}</h1><p>Injected at {at}.</p>{wrong}\n<div class="scroll">{timeline(drilled)}</div>\n'
        f"<p>Bars: good answers, each at most {STEP:g} s after the one before. Ticks below: failed requests. "
        f"Shaded: the fault.</p>\n<table>{cells}</table></body></html>\n"
    )


def lanes(drilled: Drilled) -> list[tuple[str, Sequence[Request]]]:
    """What is drawn, from the top: the app's writes and reads, each node's own writes, the site's visitors."""
    seen = drilled.seen
    found: list[tuple[str, Sequence[Request]]] = [("writes", seen.writes), ("reads", seen.reads)]
    nodes = sorted({one.node for one in seen.direct})
    # That a replica takes no writes is no failure.
    found += [(f"{node} leads", [one for one in seen.direct if one.node == node and one.ok]) for node in nodes]
    kinds = sorted({one.what for one in seen.visits})
    return found + [(f"site, {kind}", [one for one in seen.visits if one.what == kind]) for kind in kinds]


def timeline(drilled: Drilled) -> str:
    """The SVG; its axis is in seconds after the fault."""
    drawn, told = lanes(drilled), drilled.told
    ends = [one.end for _, requests in drawn for one in requests]
    start, end = min([*ends, told.injected]), max([*ends, told.healed, told.well or told.healed])
    scale = (WIDTH - LEFT - 10) / max(end - start, 1.0)
    height = LANE * (len(drawn) + 2)
    bottom = LANE * len(drawn) + 8

    def x(moment: float) -> float:
        return round(LEFT + (moment - start) * scale, 1)

    shade = max(1.0, round((told.healed - told.injected) * scale, 1))
    parts = [f'<rect class="fault" x="{x(told.injected)}" y="0" height="{bottom}" width="{shade}"/>']
    for number, (name, requests) in enumerate(drawn):
        top = LANE * number + 8
        parts.append(f'<text x="0" y="{top + 12}">{escape(name)}</text>')
        for begin, until in spans(requests, STEP):
            width = max(1.0, round((until - begin) * scale, 1))
            parts.append(f'<rect class="good" x="{x(begin)}" y="{top}" width="{width}" height="{BAR}"/>')
        failed = sorted({x(one.end) for one in requests if not one.ok})
        parts += [f'<rect class="bad" x="{at}" y="{top + BAR + 1}" width="1.5" height="5"/>' for at in failed]
    parts += _axis(start - told.injected, end - told.injected, lambda second: x(second + told.injected), bottom)
    if told.well is not None:
        parts.append(f'<line class="mark" x1="{x(told.well)}" x2="{x(told.well)}" y1="0" y2="{bottom}"/>')
        parts.append(f'<text class="dim" x="{x(told.well)}" y="{bottom + 34}" text-anchor="end">well again</text>')
    label = escape(f"Timeline of {told.fault}", quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _axis(start: float, end: float, x: Callable[[float], float], bottom: int) -> Iterator[str]:
    step = next((step for step in (5, 10, 30, 60) if (end - start) / step <= 14), 300)
    yield f'<line class="axis" x1="{LEFT}" x2="{WIDTH - 10}" y1="{bottom}" y2="{bottom}"/>'
    second = -(int(-start) // step) * step
    while second <= end:
        yield f'<text class="dim" x="{x(second)}" y="{bottom + 17}" text-anchor="middle">{second} s</text>'
        second += step
