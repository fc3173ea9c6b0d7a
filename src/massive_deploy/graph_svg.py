"""The drawing itself: SVG text from a placed picture."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from massive_deploy.graph_parts import Panel, Picture
from massive_deploy.graph_place import (
    LINE,
    MARGIN,
    PAD,
    SPACE,
    TITLE,
    Box,
    PanelSize,
    Placed,
    place,
    plus,
    text_width,
    title,
)
from massive_deploy.graph_routes import Route, routes

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
LIGHT = {
    "page": "fill:#ffffff",
    "frame": "fill:#f4f6f9;stroke:#d8dee7",
    "panel": "fill:#ffffff;stroke:#d0d7e2",
    "host": "fill:#eef3fb;stroke:#b9cbe6",
    "database": "fill:#eaf6f0;stroke:#a9d5bf",
    "cache": "fill:#fdf3e6;stroke:#ecc998",
    "monitor": "fill:#f3eefb;stroke:#cdbbe9",
    "strong": "fill:#18212e",
    "soft": "fill:#5d6a7c",
    "arrow": "stroke:#6b7a90;fill:none",
    "head": "fill:#6b7a90;stroke:none",
    "halo": "fill:#2f3c4f;stroke:#ffffff",
}
DARK = {
    "page": "fill:#11161d",
    "frame": "fill:#171e27;stroke:#2b3543",
    "panel": "fill:#1c2530;stroke:#323e4e",
    "host": "fill:#22344f;stroke:#3d5c8a",
    "database": "fill:#1b3a2e;stroke:#33694f",
    "cache": "fill:#43331c;stroke:#7a5f33",
    "monitor": "fill:#33284a;stroke:#5f4b88",
    "strong": "fill:#e8edf4",
    "soft": "fill:#9aa7b8",
    "arrow": "stroke:#8494aa;fill:none",
    "head": "fill:#8494aa;stroke:none",
    "halo": "fill:#cfd8e4;stroke:#11161d",
}
COLOURED = ("database", "cache", "monitor")


def draw(shown: Picture) -> str:
    """The whole document."""
    placed = place(shown)
    ways = routes(shown.arrows, placed)
    far = [(way.label[0] + text_width(line, 11), way.label[1]) for way in ways for line in way.lines]
    far += [point for way in ways for point in way.points]
    right = max([placed.width, *(x + MARGIN for x, _ in far)])
    bottom = max([placed.height, *(y for _, y in far)]) + MARGIN
    foot = f"on every host: {', '.join(shown.everywhere)}" if shown.everywhere else ""
    watched = "the monitor reads every host" if len(shown.tiers) > 1 and "monitor" in placed.frames else ""
    last = " · ".join(words for words in (foot, watched) if words)
    width, height = max(right, 2 * MARGIN + len(last) * 6.6, 320), bottom + (LINE + 8 if last else 0)
    head = f"{shown.hosts} host{'' if shown.hosts == 1 else 's'}"
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        f' height="{height:.0f}" font-family="{FONT}" role="img">'
    )
    heading = (
        f'<text x="{MARGIN:.0f}" y="36" class="strong" font-size="20" font-weight="600">{escape(shown.name)}'
        f'<tspan class="soft" font-size="13" font-weight="400" dx="12">{head}</tspan></text>'
    )
    parts = [
        opening,
        f"<title>{escape(shown.name)}</title>",
        f"<style>{_styles()}</style>",
        f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>',
        heading,
        *_frames(shown, placed),
        *(line for way in ways for line in _arrow(way)),
        *(label for way in ways for label in _labels(way)),
    ]
    if last:
        parts.append(_text(MARGIN, height - MARGIN + 6, last, "soft", 12))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _styles() -> str:
    light = "".join(f".{name}{{{rule}}}" for name, rule in LIGHT.items())
    dark = "".join(f".{name}{{{rule}}}" for name, rule in DARK.items())
    return f"{light}.halo{{paint-order:stroke;stroke-width:4px}}@media (prefers-color-scheme:dark){{{dark}}}"


def _text(x: float, y: float, words: str, kind: str, size: int, *, weight: int = 400) -> str:
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" font-size="{size}"{bold}>{escape(words)}</text>'


def _rect(box: Box, kind: str, radius: int) -> str:
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    return f'<rect {place} rx="{radius}" class="{kind}"/>'


def _frames(shown: Picture, placed: Placed) -> Iterator[str]:
    for name, frame in placed.frames.items():
        yield _rect(frame, "frame", 12)
        yield _text(frame.x + PAD, frame.y + 21, name, "soft", 13, weight=600)
    kinds = {id(panel): tier.name for tier in shown.tiers for panel in tier.panels}
    for panel, size, box in placed.panels:
        yield from _panel(panel, size, box, kinds[id(panel)])


def _panel(panel: Panel, size: PanelSize, box: Box, tier: str) -> Iterator[str]:
    yield _rect(box, "panel", 8)
    yield _text(box.x + PAD, box.y + PAD + 10, title(panel), "strong", 14, weight=600)
    for number, line in enumerate(size.role_lines):
        yield _text(box.x + PAD, box.y + PAD + 10 + (number + 1) * LINE + 2, line, "soft", 11)
    top = box.y + PAD + TITLE + len(size.role_lines) * LINE + 2
    kind = tier if tier in COLOURED else "host"
    for number, (host, extra) in enumerate(panel.hosts):
        row, column = divmod(number, size.across)
        x = box.x + PAD + column * (size.box_width + SPACE)
        y = top + row * (size.box_height + SPACE)
        yield _rect(Box(x, y, size.box_width, size.box_height), kind, 5)
        yield _text(x + 10, y + 17, host.name, "strong", 13, weight=600)
        yield _text(x + 10, y + 32, host.address, "soft", 11)
        if extra:
            yield _text(x + 10, y + 47, plus(extra), "soft", 11)


def _arrow(way: Route) -> Iterator[str]:
    yield f'<path d="{way.path()}" class="arrow" stroke-width="1.6"/>'
    (x, y), side = way.points[-1], way.heading
    tip = f"M{x:.1f} {y:.1f}l{-9 * side[0] - 4.5 * side[1]:.1f} {-9 * side[1] - 4.5 * side[0]:.1f}"
    yield f'<path d="{tip}l{9 * side[1]:.1f} {9 * side[0]:.1f}z" class="head"/>'


def _labels(way: Route) -> Iterator[str]:
    x, y = way.label
    for number, line in enumerate(reversed(way.lines)):
        yield _text(x, y - 6 - number * 14, line, "halo", 11)
