"""Ways of the arrows: through the gaps between columns and along the page's edges, never across a tier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from massive_deploy.graph_parts import Arrow
from massive_deploy.graph_place import GAP, Placed

Point = tuple[float, float]
LANE, RADIUS = 12.0, 8.0


@dataclass(frozen=True, slots=True)
class Route:
    """Corners from the source to the tip, the words, and where their last line stands."""

    points: tuple[Point, ...]
    lines: tuple[str, ...]
    label: Point

    @property
    def heading(self) -> Point:
        """Unit vector of the last stretch."""
        (ax, ay), (bx, by) = self.points[-2:]
        return _sign(bx - ax), _sign(by - ay)

    def path(self) -> str:
        """SVG path data with rounded corners."""
        data = [f"M{self.points[0][0]:.1f} {self.points[0][1]:.1f}"]
        for before, corner, after in zip(self.points, self.points[1:], self.points[2:], strict=False):
            data += [f"L{_text(_towards(corner, before))}", f"Q{_text(corner)} {_text(_towards(corner, after))}"]
        return "".join([*data, f"L{_text(self.points[-1])}"])


def _text(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _towards(corner: Point, other: Point) -> Point:
    """A point next to the corner on the way to the other one."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    step = min(RADIUS, (abs(dx) + abs(dy)) / 2)
    return corner[0] + step * _sign(dx), corner[1] + step * _sign(dy)


def routes(arrows: Sequence[Arrow], placed: Placed) -> tuple[Route, ...]:
    """A way for each arrow. Those that leave or enter one side of a tier do so at different heights."""
    used: dict[tuple[str, str], int] = {}
    found = []
    for number, arrow in enumerate(arrows):
        steps = placed.columns[arrow.target] - placed.columns[arrow.source]
        make = _next if steps == 1 else _over if steps > 1 else _back if steps < 0 else _beside
        slots = []
        for key in ((arrow.source, "out"), (arrow.target, "in")):
            slots.append(used.get(key, 0))
            used[key] = slots[-1] + 1
        found.append(make(arrow, placed, number * LANE, slots[0], slots[1]))
    return tuple(found)


def _height(placed: Placed, tier: str, slot: int, lines: int) -> float:
    """y of a slot at a tier's side: the first is below the heading, with room for the words above it."""
    frame = placed.frames[tier]
    return min(frame.y + 34 + lines * 14 + slot * 56, frame.bottom - 8)


def _next(arrow: Arrow, placed: Placed, lane: float, out: int, into: int) -> Route:
    source, target = placed.frames[arrow.source], placed.frames[arrow.target]
    y = _height(placed, arrow.target, into, len(arrow.lines))
    if source.y + 8 <= y <= source.bottom - 8:
        return Route(((source.right, y), (target.x, y)), arrow.lines, (source.right + 12, y))
    start = max(source.y + 30, source.bottom - 16 - out * 10)
    x = target.x - GAP + 12 + lane / 2
    return Route(((source.right, start), (x, start), (x, y), (target.x, y)), arrow.lines, (x + 10, y))


def _over(arrow: Arrow, placed: Placed, lane: float, out: int, into: int) -> Route:
    """Past a column: up, along the top, and down in the gap before the target."""
    source, target = placed.frames[arrow.source], placed.frames[arrow.target]
    y, top = _height(placed, arrow.target, into, len(arrow.lines)), min(f.y for f in placed.frames.values()) - 12
    start = min(source.y + 20 + out * 10, source.bottom - 8)
    first, last = source.right + 10 + lane / 2, target.x - GAP + 12 + lane / 2
    points = ((source.right, start), (first, start), (first, top), (last, top), (last, y), (target.x, y))
    return Route(points, arrow.lines, (last + 10, y))


def _back(arrow: Arrow, placed: Placed, lane: float, out: int, into: int) -> Route:
    """Against the reading direction: out on the left, down, and along the bottom into the target's lower side."""
    source, target = placed.frames[arrow.source], placed.frames[arrow.target]
    start = source.bottom - 12 - out * 10
    low = placed.height + 16 + lane
    # Other tiers may stand below the target, so it is entered from the gap on its right.
    x = source.x - 12 - lane / 2
    aim = placed.rights[arrow.target] + 18 + lane / 2
    y = max(target.bottom - 14 - into * 20, target.y + 20)
    points = ((source.x, start), (x, start), (x, low), (aim, low), (aim, y), (target.right, y))
    return Route(points, arrow.lines, (aim + 8, low))


def _beside(arrow: Arrow, placed: Placed, lane: float, out: int, into: int) -> Route:
    """Within a column: out and in on the right."""
    source, target = placed.frames[arrow.source], placed.frames[arrow.target]
    x = placed.rights[arrow.source] + 14 + lane / 2
    start, y = source.y + 30 + out * 12, target.y + 46 + into * 12
    return Route(
        ((source.right, start), (x, start), (x, y), (target.right, y)), arrow.lines, (x + 6, y + (start - y) / 4)
    )
