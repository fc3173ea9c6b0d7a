"""Where everything in the picture goes: sizes and positions in pixels, from what the panels hold."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from massive_deploy.graph_parts import Panel, Picture, Tier

# Columns from left to right; tiers of one column stand below each other.
COLUMNS = (("edge", "monitor"), ("app",), ("cache", "database"))
MARGIN, GAP, BETWEEN = 24.0, 184.0, 28.0
PAD, TITLE, LINE, SPACE = 14.0, 22.0, 15.0, 8.0
TOP = 62.0
DOT = 13.0
"""From one service's dot to the next."""


Services = Mapping[str, Sequence[str]]
"""Host → names of its services."""
NO_SERVICES: Services = {}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """x of its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """y of its lower side."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class PanelSize:
    """A panel's inner measures: boxes side by side, one box, the lines of its roles."""

    across: int
    box_width: float
    box_height: float
    role_lines: tuple[str, ...]

    @property
    def width(self) -> float:
        """Outer width."""
        return 2 * PAD + self.across * self.box_width + (self.across - 1) * SPACE

    def height(self, hosts: int) -> float:
        """Outer height with so many hosts."""
        rows = math.ceil(hosts / self.across)
        head = TITLE + len(self.role_lines) * LINE + 6
        return PAD + head + rows * self.box_height + (rows - 1) * SPACE + PAD - 4


@dataclass(frozen=True, slots=True)
class Placed:
    """The whole drawing: each tier's frame, column and that column's right end; the panels; the size of the page."""

    frames: dict[str, Box]
    panels: tuple[tuple[Panel, PanelSize, Box], ...]
    width: float
    height: float
    columns: dict[str, int]
    rights: dict[str, float]


def text_width(text: str, size: float) -> float:
    """About how wide a text is in a sans-serif font of that size."""
    return len(text) * size * 0.58


def measure(panel: Panel, services: Services = NO_SERVICES) -> PanelSize:
    """Sizes of a panel. Database clusters stay in one row when they are small; larger groups make a block.

    Boxes of hosts that have services are high enough for a dot of each.
    """
    names = max(text_width(host.name, 13) for host, _ in panel.hosts)
    small = max(text_width(line, 11) for host, extra in panel.hosts for line in (host.address, *map(plus, [extra])))
    width = max(126.0 if len(panel.hosts) == 1 else 104.0, names + 20, small + 20)
    count = len(panel.hosts)
    across = count if count <= 2 else 3 if count <= 6 else min(4, math.ceil(math.sqrt(count)))
    if count <= 4 and "postgresql" not in panel.roles:
        across = 1
    inner = max(across * width + (across - 1) * SPACE, text_width(title(panel), 14))
    width = (inner - (across - 1) * SPACE) / across
    wrapped = textwrap.wrap(", ".join(panel.roles), max(12, int(inner / (11 * 0.56))), break_long_words=False)
    extra = any(extra for _, extra in panel.hosts)
    dots = max(len(services.get(host.name, ())) for host, _ in panel.hosts)
    height = (55.0 if extra else 40.0) + DOT * math.ceil(dots / dots_across(width))
    return PanelSize(across, width, height, tuple(wrapped))


def dots_across(width: float) -> int:
    """How many dots stand side by side in a box."""
    return int((width - 16) // DOT)


def plus(extra: tuple[str, ...]) -> str:
    """The line of a host's own roles."""
    return f"+ {', '.join(extra)}" if extra else ""


def title(panel: Panel) -> str:
    """The panel's heading, with the number of hosts when there are several."""
    return f"{panel.title} ×{len(panel.hosts)}" if len(panel.hosts) > 1 else panel.title


def place(shown: Picture, services: Services = NO_SERVICES) -> Placed:
    """Positions of everything; with room for a dot for each service."""
    tiers = {tier.name: tier for tier in shown.tiers}
    frames: dict[str, Box] = {}
    panels: list[tuple[Panel, PanelSize, Box]] = []
    columns: dict[str, int] = {}
    rights: dict[str, float] = {}
    x, bottom = MARGIN, TOP
    for number, names in enumerate(column for column in COLUMNS if any(name in tiers for name in column)):
        y, widest = TOP, 0.0
        for name in names:
            if name in tiers:
                frame, inside = _tier(tiers[name], x, y, services)
                frames[name] = frame
                columns[name] = number
                panels += inside
                y, widest = frame.bottom + BETWEEN, max(widest, frame.width)
        rights |= {name: x + widest for name in names if name in frames}
        bottom = max(bottom, y - BETWEEN)
        x += widest + GAP
    return Placed(frames, tuple(panels), x - GAP + MARGIN, bottom, columns, rights)


def _tier(tier: Tier, x: float, y: float, services: Services) -> tuple[Box, list[tuple[Panel, PanelSize, Box]]]:
    sizes = [measure(panel, services) for panel in tier.panels]
    across = 1 if len(sizes) <= 3 else 2 if len(sizes) <= 8 else 3
    wide = max(size.width for size in sizes)
    inside: list[tuple[Panel, PanelSize, Box]] = []
    top = y + PAD + TITLE
    for start in range(0, len(sizes), across):
        row = list(zip(tier.panels, sizes, strict=True))[start : start + across]
        high = max(size.height(len(panel.hosts)) for panel, size in row)
        for number, (panel, size) in enumerate(row):
            inside.append((panel, size, Box(x + PAD + number * (wide + PAD), top, wide, high)))
        top += high + PAD
    width = 2 * PAD + across * wide + (across - 1) * PAD
    return Box(x, y, width, top - y), inside
