"""The drawing itself: SVG text from a placed picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from massive_deploy.graph_parts import Panel, Picture
from massive_deploy.graph_place import (
    DOT,
    LINE,
    MARGIN,
    NO_SERVICES,
    PAD,
    SPACE,
    TITLE,
    TOP,
    Box,
    PanelSize,
    Placed,
    Services,
    dots_across,
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


@dataclass(frozen=True, slots=True)
class Live:
    """What a picture needs to be coloured by a page: each host's services, and where a click on a tier's host leads.

    A host is then an element with `data-host`, its services' dots inside have `data-role`; the page's own style sheet
    says how they look (`styles`).
    """

    services: Services
    addresses: Mapping[str, str]


def draw(shown: Picture, live: Live | None = None) -> str:
    """The whole document; or for inside a page, without heading and styles of its own."""
    placed = place(shown, live.services if live else NO_SERVICES)
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
    start = TOP - MARGIN if live else 0
    # How wide it is by itself: a page shows it no wider.
    kind = f'role="group" style="--natural:{width:.0f}px"' if live else 'role="img"'
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {start:.0f} {width:.0f} {height - start:.0f}"'
        f' width="{width:.0f}" height="{height - start:.0f}" font-family="{FONT}"'
        f" {kind}>"
    )
    heading = (
        f'<text x="{MARGIN:.0f}" y="36" class="strong" font-size="20" font-weight="600">{escape(shown.name)}'
        f'<tspan class="soft" font-size="13" font-weight="400" dx="12">{head}</tspan></text>'
    )
    own = (
        f"<title>{escape(shown.name)}</title>",
        f"<style>{_styles()}</style>",
        f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>',
        heading,
    )
    parts = [
        opening,
        *(() if live else own),
        *_frames(shown, placed, live),
        *(line for way in ways for line in _arrow(way)),
        *(label for way in ways for label in _labels(way)),
    ]
    if last:
        parts.append(_text(MARGIN, height - MARGIN + 6, last, "soft", 12))
    return "\n".join([*parts, "</svg>"]) + "\n"


def styles(within: str, theme: str = "data-theme") -> str:
    """Rules for a picture inside a page: as the reader's system is, or as the root element's attribute says."""

    def rules(colours: Mapping[str, str], before: str) -> str:
        return "".join(f"{before}{within} .{name}{{{rule}}}\n" for name, rule in colours.items() if name != "page")

    # :where() gives them no weight: what the page says of a host's state comes after.
    dark = rules(DARK, f":where(:root:not([{theme}=light])) ")
    return (
        f"{rules(LIGHT, '')}{within} .halo{{paint-order:stroke;stroke-width:4px}}\n"
        f"@media (prefers-color-scheme:dark){{\n{dark}}}\n{rules(DARK, f':where(:root[{theme}=dark]) ')}"
    )


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


def _frames(shown: Picture, placed: Placed, live: Live | None) -> Iterator[str]:
    for name, frame in placed.frames.items():
        yield _rect(frame, "frame", 12)
        yield _text(frame.x + PAD, frame.y + 21, name, "soft", 13, weight=600)
    kinds = {id(panel): tier.name for tier in shown.tiers for panel in tier.panels}
    for panel, size, box in placed.panels:
        yield from _panel(panel, size, box, kinds[id(panel)], live)


def _panel(panel: Panel, size: PanelSize, box: Box, tier: str, live: Live | None) -> Iterator[str]:
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
        frame = Box(x, y, size.box_width, size.box_height)
        if live:
            yield f'<a class="node" href="{escape(live.addresses.get(tier, ""))}" data-host="{escape(host.name)}">'
        yield _rect(frame, kind, 5)
        yield _text(x + 10, y + 17, host.name, "strong", 13, weight=600)
        yield _text(x + 10, y + 32, host.address, "soft", 11)
        if extra:
            yield _text(x + 10, y + 47, plus(extra), "soft", 11)
        if live:
            yield f'<text x="{frame.right - 8:.1f}" y="{y + 17:.1f}" class="mark" font-size="13" text-anchor="end"/>'
            yield from _dots(frame, live.services.get(host.name, ()), 55 if any(own for _, own in panel.hosts) else 40)
            yield "</a>"


def _dots(frame: Box, roles: Sequence[str], top: float) -> Iterator[str]:
    across = dots_across(frame.width)
    for number, role in enumerate(roles):
        row, column = divmod(number, across)
        x, y = frame.x + 14 + column * DOT, frame.y + top + 4 + row * DOT
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" class="dot" data-role="{escape(role)}">'
            f"<title>{escape(role)}</title></circle>"
        )


def _arrow(way: Route) -> Iterator[str]:
    yield f'<path d="{way.path()}" class="arrow" stroke-width="1.6"/>'
    (x, y), side = way.points[-1], way.heading
    tip = f"M{x:.1f} {y:.1f}l{-9 * side[0] - 4.5 * side[1]:.1f} {-9 * side[1] - 4.5 * side[0]:.1f}"
    yield f'<path d="{tip}l{9 * side[1]:.1f} {9 * side[0]:.1f}z" class="head"/>'


def _labels(way: Route) -> Iterator[str]:
    x, y = way.label
    for number, line in enumerate(reversed(way.lines)):
        yield _text(x, y - 6 - number * 14, line, "halo", 11)
