"""The pages' files: whole, self-contained, and as their origin has them."""

from __future__ import annotations

import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from massive_deploy.dashboards.model import Panel, Query, Row
from massive_deploy.dashboards.services import Service, services
from massive_deploy.dashboards.web import SCRIPTS, STYLES, THEME, Snapshot, alone, asset, files, identity, loaded
from massive_deploy.graph_parts import picture
from massive_deploy.graph_svg import Live, draw
from massive_deploy.topology.edges import edges
from massive_deploy.topology.layout import Layout

from .stacks import layout

ROOT = Path(__file__).resolve().parents[3]
VENDORED = ROOT / "templates/pages/vendor/uplot"
RUNNING = (Service("app-1", "app", ("app.service",), False), Service("db-1", "postgresql", ("patroni.service",), True))


class References(HTMLParser):
    """Every address in attributes that make a browser load or follow something."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.follows: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.scripts += tag == "script" and "src" not in given and given.get("type") is None
        for name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            if given.get(name):
                (self.follows if tag == "a" else self.loads).append(str(given[name]))


def references(text: str) -> References:
    parser = References()
    parser.feed(text)
    return parser


@pytest.fixture
def massive(tmp_path: Path) -> Layout:
    return layout(tmp_path, "replicas: 1")


def test_what_is_not_ours_is_unchanged() -> None:
    origin = (VENDORED / "ORIGIN").read_text(encoding="utf-8")
    told = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", origin, re.MULTILINE))
    told = {name: digest for digest, name in told.items()}
    assert set(told) == {"uPlot.iife.min.js", "uPlot.min.css"}
    for name, digest in told.items():
        assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == digest, name
    assert "1.6.32" in asset("vendor/uplot/uPlot.iife.min.js")[:80]
    assert "MIT License" in (VENDORED / "LICENSE").read_text(encoding="utf-8")


def test_every_page_loads_only_files_that_come_along(massive: Layout) -> None:
    made = files(massive, RUNNING)
    pages = {name: text for name, text in made.items() if name.endswith(".html")}
    assert len(pages) == 9
    for name, text in pages.items():
        found = references(text)
        assert found.scripts == 0, "what is written into a page is not run"
        loaded = {one.partition("?")[0] for one in found.loads if one != "data:,"}
        assert loaded <= set(made), name
        assert {"pages.js", "pages.css", "vendor/uplot/uPlot.iife.min.js"} <= loaded
        for address in found.follows:
            assert address in made or address.startswith("../"), (name, address)


def test_nothing_but_comments_names_another_place(massive: Layout) -> None:
    for name, text in files(massive, RUNNING).items():
        if name.endswith((".css", ".js")):
            bare = re.sub(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", "", text, flags=re.DOTALL)
            assert not re.search(r"(https?:)?//[\w.-]+\.\w|@import|\bimport\(|eval\(|new Function", bare), name


def test_other_pages_may_be_asked_by_nobody(massive: Layout) -> None:
    for name, text in files(massive, RUNNING).items():
        if name.endswith(".html"):
            policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
            assert "default-src 'none'" in policy
            assert "connect-src 'self'" in policy
            assert "http" not in policy


def test_every_file_of_ours_is_loaded_once() -> None:
    ours = {path.name for path in (ROOT / "templates/pages").iterdir() if path.suffix in (".js", ".css")}
    listed = [part for parts in (*STYLES.values(), *SCRIPTS.values()) for part in parts]
    assert sorted([*listed, THEME]) == sorted(ours)


def test_a_changed_file_has_another_address(massive: Layout) -> None:
    text = files(massive, RUNNING)["index.html"]
    digest = hashlib.sha256(loaded("pages.js").encode()).hexdigest()[:12]
    assert f'src="pages.js?{digest}"' in text


def data(text: str) -> Any:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]


def test_every_card_has_its_queries(massive: Layout) -> None:
    for name, text in files(massive, RUNNING).items():
        if name.endswith(".html"):
            cards = re.findall(r'<figure class="card" id="([^"]+)"', text)
            assert sorted(cards) == sorted(data(text)["panels"]), name
    found = data(files(massive, RUNNING)["index.html"])
    assert found["services"][0] == {"host": "app-1", "role": "app", "units": ["app.service"], "scraped": False}
    assert data(files(massive, RUNNING)["edge.html"])["services"] == []


def test_the_picture_has_an_element_for_each_host_and_service(massive: Layout) -> None:
    svg = draw(picture(massive, edges(massive)), Live({"app-1": ("app", "haproxy")}, {"app": "app.html"}))
    assert set(re.findall(r'data-host="([^"]+)"', svg)) == {host.name for host in massive.hosts}
    assert re.findall(r'data-role="([^"]+)"', svg) == ["app", "haproxy"]
    assert svg.count('href="app.html"') == 2
    assert "<style" not in svg
    assert draw(picture(massive, edges(massive))).count("data-host") == 0


def test_one_file_alone_loads_nothing(massive: Layout) -> None:
    shot = Snapshot(1e9, 1e9 - 3600, 1e9, 30, {"</script><script>alert(1)": []}, {}, [], {}, "")
    text = alone(massive, RUNNING, shot, "<p>told</p>")
    found = references(text)
    assert [one for one in found.loads if one != "data:,"] == []
    assert all(one.startswith("#") for one in found.follows), found.follows
    assert data(text)["snapshot"]["ranges"] == {"</script><script>alert(1)": []}
    assert "connect-src" not in text
    assert "<p>told</p>" in text


def test_services_are_roles_that_can_be_seen_to_live(massive: Layout) -> None:
    class Watched:
        role, unit, hosts = "memcached", "memcached.service", ("cache-1",)

    found = {(one.host, one.role): one for one in services(massive, [Watched()])}
    assert found["cache-1", "memcached"] == Service("cache-1", "memcached", ("memcached.service",), True)
    assert found["cache-1", "redis"].scraped
    assert ("cache-1", "base") not in found
    assert ("app-1", "app") not in found


def test_names_on_a_page_say_row_and_panel() -> None:
    panel = Panel("Time of a query", (Query("up"),), "seconds", "It.")
    assert identity(Row("pooler", "pgbouncer", (panel,)), panel) == "pgbouncer--time-of-a-query"
