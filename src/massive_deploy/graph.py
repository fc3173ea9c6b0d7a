"""The picture of a stack: Mermaid text for documents, and a self-contained SVG."""

from __future__ import annotations

from collections.abc import Iterable

from massive_deploy.graph_parts import Panel, Picture, picture
from massive_deploy.graph_svg import draw
from massive_deploy.topology.layout import Edge, Layout


def svg(layout: Layout, edges: Iterable[Edge]) -> str:
    """An SVG document without outside references; light or dark as the reader's system is."""
    return draw(picture(layout, edges))


def mermaid(layout: Layout, edges: Iterable[Edge]) -> str:
    """A Mermaid flowchart, left to right."""
    return "\n".join(_lines(picture(layout, edges))) + "\n"


def _lines(shown: Picture) -> Iterable[str]:
    yield "flowchart LR"
    for tier in shown.tiers:
        yield f'  subgraph tier_{tier.name}["{escape(tier.name)}"]'
        for number, panel in enumerate(tier.panels):
            yield from _panel(f"{tier.name}_{number}", panel)
        yield "  end"
    for arrow in shown.arrows:
        yield f'  tier_{arrow.source} -->|"{"<br/>".join(map(escape, arrow.lines))}"| tier_{arrow.target}'


def _panel(identity: str, panel: Panel) -> Iterable[str]:
    roles = f": {', '.join(map(escape, panel.roles))}" if panel.roles else ""
    yield f'    subgraph panel_{identity}["{escape(panel.title)}{roles}"]'
    for number, (host, extra) in enumerate(panel.hosts):
        words = [host.name, host.address, *(["+ " + ", ".join(extra)] if extra else [])]
        yield f'      host_{identity}_{number}["{"<br/>".join(map(escape, words))}"]'
    yield "    end"


def escape(text: str) -> str:
    """Text for inside a quoted Mermaid label, where entities are written with `#`."""
    return "".join(f"#{ord(char)};" if char in '"#<>&|`' else char for char in text)
