"""The pages: one HTML file for each dashboard, and what they share. They ask Prometheus, which also serves them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from massive_deploy.dashboards import grafana
from massive_deploy.dashboards.collect import dashboards
from massive_deploy.dashboards.model import RELEASES, Dashboard, Panel, Row, slug
from massive_deploy.dashboards.services import Service
from massive_deploy.graph_parts import picture
from massive_deploy.graph_svg import Live, draw, styles
from massive_deploy.paths import shipped
from massive_deploy.topology.edges import edges
from massive_deploy.topology.layout import Layout

VENDOR = "vendor/uplot"
# What a page loads → the files of ours it is put together from, in this order.
STYLES = {f"{VENDOR}/uPlot.min.css": (), "pages.css": ("pages.css", "panels.css")}
THEME = "theme.js"
SCRIPTS = {
    f"{VENDOR}/uPlot.iife.min.js": (),
    "pages.js": (
        "units.js",
        "source.js",
        "view.js",
        "releases.js",
        "series.js",
        "chart.js",
        "picture.js",
        "alerts.js",
        "page.js",
    ),
}
UP = "min by (host, role) (up)"
UNITS = 'node_systemd_unit_state{state="active"}'
# Where a host of the picture leads to; a page that this stack lacks leads to the hosts.
TIER_PAGES = {"edge": "edge", "app": "app", "cache": "cache", "database": "database", "monitor": "monitoring"}
EXPORT = "grafana"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Prometheus said at one moment, for a page that asks nobody.

    `at` is that moment as a Unix time; `ranges` and `instants` map PromQL, as the page would send it, to the `result`
    of Prometheus' answer; `start`, `end` and `step` are of all ranges. `alerts` are Prometheus' own. `states` maps
    hosts, and "host role", to good, critical or unknown where Prometheus could not be asked; `notice` says why.
    """

    at: float
    start: float
    end: float
    step: float
    ranges: Mapping[str, Any]
    instants: Mapping[str, Any]
    alerts: Sequence[Any]
    states: Mapping[str, str]
    notice: str = ""


def identity(row: Row, panel: Panel) -> str:
    """A panel's name on its page."""
    return f"{slug(row.title)}--{panel.slug}"


def files(layout: Layout, running: Iterable[Service]) -> dict[str, str]:
    """Path below the pages' folder → content: every page, and all they load."""
    found = dashboards(layout)
    services = tuple(running)
    pages = {address(one): _page(layout, one, found, services) for one in found}
    shared = {name: loaded(name) for name in (*STYLES, THEME, *SCRIPTS, f"{VENDOR}/LICENSE")}
    exports = {f"{EXPORT}/{name}": text for name, text in grafana.files(layout, found).items()}
    return pages | shared | exports


def address(dashboard: Dashboard) -> str:
    """The page's file; the first page is what the folder itself shows."""
    return "index.html" if dashboard.name == "overview" else f"{dashboard.name}.html"


def alone(layout: Layout, running: Iterable[Service], snapshot: Snapshot, status: str) -> str:
    """The overview as one file that loads nothing. `status` is HTML that is shown first."""
    found = dashboards(layout)
    return _page(layout, found[0], found, tuple(running), snapshot, status)


@cache
def asset(name: str) -> str:
    """A file of ours, as it is."""
    return (shipped("templates") / "pages" / name).read_text(encoding="utf-8")


@cache
def loaded(name: str) -> str:
    """What a page gets under that name."""
    parts = (STYLES | SCRIPTS).get(name) or (name,)
    text = "".join(asset(part) for part in parts)
    return f"{text}{styles('.picture')}" if name == "pages.css" else text


def _page(
    layout: Layout,
    shown: Dashboard,
    everything: Sequence[Dashboard],
    running: Sequence[Service],
    snapshot: Snapshot | None = None,
    status: str = "",
) -> str:
    overview = shown.name == "overview"
    names = {one.name: address(one) for one in everything}
    tiers = {tier: names.get(page, names.get("hosts", "")) for tier, page in TIER_PAGES.items()}
    roles: dict[str, list[str]] = {}
    for one in running:
        roles.setdefault(one.host, []).append(one.role)
    picked = picture(layout, edges(layout))
    words = {
        "stack": layout.name,
        "shown": shown,
        "menu": [(one.title, address(one), one.name == shown.name) for one in everything],
        "rows": [(row, [(identity(row, panel), panel) for panel in row.panels]) for row in shown.rows],
        "picture": draw(picked, Live(roles, {} if snapshot else tiers)) if overview else "",
        "data": _json(_data(layout, shown, running if overview else (), snapshot)),
        "hosts": [host.name for host in layout.hosts],
        "scrape": layout.settings["monitoring"].scrape_seconds,
        "snapshot": snapshot,
        "status": status,
        "export": f"{EXPORT}/{shown.name}.json",
        "styles": [_linked(name) for name in STYLES],
        "theme": _linked(THEME),
        "scripts": [_linked(name) for name in SCRIPTS],
    }
    return f"{fragment('page.html.j2', **words)}\n"


def _linked(name: str) -> tuple[str, str, str]:
    """Name, content and what tells this version from another: browsers keep such files."""
    content = loaded(name)
    return name, content, hashlib.sha256(content.encode()).hexdigest()[:12]


def _data(layout: Layout, shown: Dashboard, running: Sequence[Service], snapshot: Snapshot | None) -> dict[str, Any]:
    settings = layout.settings["monitoring"]
    panels = [(identity(row, panel), panel) for row in shown.rows for panel in row.panels]
    return {
        "scrape": settings.scrape_seconds,
        "days": settings.keep_days,
        "hosts": [host.name for host in layout.hosts],
        "panels": {
            name: {
                "unit": panel.unit,
                "kind": panel.kind,
                "limits": asdict(panel.limits),
                "queries": [asdict(query) for query in panel.queries],
                "empty": panel.empty,
            }
            for name, panel in panels
        },
        "services": [asdict(one) for one in running],
        "queries": {"releases": RELEASES, "up": UP, "units": UNITS},
        "snapshot": asdict(snapshot) if snapshot else None,
    }


def _json(value: Any) -> str:
    """JSON that no HTML parser takes for the end of its element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")


def fragment(template: str, /, **values: Any) -> str:
    """HTML from one of the pages' templates; values are escaped."""
    text: str = _environment().get_template(template).render(values)
    return text


@cache
def _environment() -> Any:
    import jinja2
    from markupsafe import Markup, escape

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(shipped("templates") / "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = lambda text: Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704
    return environment
