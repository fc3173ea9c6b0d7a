"""The pages in a browser, over a Prometheus of Debian with the series of a busy stack (pages_rig.py)."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from harness import http, within
from pages_rig import layout_of, prometheus
from pages_seen import browsed, undrawn
from synthetic import Story

from massive_deploy.dashboards.collect import dashboards
from massive_deploy.dashboards.model import RANGE
from massive_deploy.dashboards.services import services, watched_of
from massive_deploy.dashboards.web import alone, files
from massive_deploy.inventory import open_inventory
from massive_deploy.operate.snapshot import parse, script, without
from massive_deploy.operate.status import HostStatus, Unit, combine
from massive_deploy.topology.layout import Layout

pytestmark = pytest.mark.stack
STACKS = {
    "massive": "stack: massive\nreplicas: 2\nedge_servers: 2\n",
    "sharded": "stack: sharded\nreplicas: 1\npooler: pgpool\n",
    "small": "stack: small\n",
}
TOPOLOGY = """
name: shop
target: docker
docker: {{memory: 4GiB, subnet: 10.203.98.0/24}}
{more}
app: {{source: ., settings: shop.settings, worker: shop}}
"""
STORY = Story(stopped=frozenset({("app-2", "app.service")}), silent=frozenset({"edge-2"}), cut=frozenset({"db-3"}))


@dataclass(frozen=True)
class Rig:
    """A Prometheus with a stack's series."""

    folder: Path
    layout: Layout
    container: str
    url: str

    @property
    def pages(self) -> str:
        return f"{self.url}/user/"


@pytest.fixture(scope="module", params=STACKS)
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp(request.param)
    layout = layout_of(folder, TOPOLOGY.format(more=STACKS[request.param]))
    name = f"md-pages-{request.param}"
    story = STORY if request.param == "massive" else Story()
    with prometheus(folder, layout, name, story) as url:
        yield Rig(folder, layout, name, url)


@pytest.fixture(scope="module")
def seen(rig: Rig) -> dict[str, Any]:
    return browsed(rig.folder, rig.pages, "--pictures", str(rig.folder / "pictures"))


def test_every_file_is_served(rig: Rig) -> None:
    for name in files(rig.layout, ()):
        assert http(f"{rig.pages}{name.removesuffix('index.html')}").status == 200, name


def test_every_query_has_series(rig: Rig) -> None:
    lacking = []
    for board in dashboards(rig.layout):
        for panel in board.panels:
            for query in panel.queries:
                words = urllib.parse.urlencode({"query": query.promql.replace(RANGE, "120s")})
                answer = http(f"{rig.url}/api/v1/query?{words}").json
                if not answer.get("data", {}).get("result") and not panel.empty:
                    lacking.append((board.name, panel.title, query.promql, answer.get("error", "")))
    assert lacking == []


def test_every_page_is_drawn_in_every_look(rig: Rig, seen: dict[str, Any]) -> None:
    assert undrawn(seen, rig.layout) == []


def test_dark_is_dark_and_light_is_light(seen: dict[str, Any]) -> None:
    def brightness(look: str) -> set[int]:
        colours = (page["background"].strip("rgb()").split(",") for page in seen[look].values())
        return {sum(map(int, colour)) // 3 for colour in colours}

    assert min(brightness("light") | brightness("phone")) > 200
    assert max(brightness("dark") | brightness("phone-dark")) < 60


def test_nobody_but_prometheus_is_asked_and_nothing_goes_wrong(rig: Rig, seen: dict[str, Any]) -> None:
    assert seen["asked"] == [urllib.parse.urlsplit(rig.url).netloc]
    assert seen["failed"] == []
    assert seen["said"] == []


def test_pointer_span_host_and_colours_can_be_chosen(seen: dict[str, Any]) -> None:
    did = seen["handled"]
    before, under = did["hover"]
    assert before != under
    assert 900 < did["zoomed"]["end"] - did["zoomed"]["start"] < 1300, "a third of an hour was dragged over"
    assert did["range"]["end"] - did["range"]["start"] == 900
    assert f"host={did['clicked']['host']}" in did["clicked"]["address"]
    assert did["clicked"]["page"] == "edge"
    assert [name for name, _ in did["themes"]] == ["Colours: light", "Colours: dark", "Colours: auto"]
    assert did["themes"][0][1] != did["themes"][1][1]


def test_the_picture_has_the_colours_of_what_runs(rig: Rig, seen: dict[str, Any]) -> None:
    picture = seen["light"]["overview"]["picture"]
    assert list(picture["hosts"]) != []
    assert set(picture["hosts"]) == {host.name for host in rig.layout.hosts}
    if "massive" not in rig.container:
        assert set(picture["dots"].values()) == {"good"}
        return
    assert picture["dots"]["app-2 app"] == "critical"
    assert picture["dots"]["app-1 app"] == "good"
    assert {name for name, state in picture["hosts"].items() if state == "critical"} >= {"app-2", "edge-2"}
    assert {picture["hosts"][name] for name in ("app-1", "edge-1", "cache-1", "db-1")} == {"good"}
    figures = {card["id"]: card["figure"] for card in seen["light"]["overview"]["cards"] if card["kind"] == "stat"}
    assert figures["now--app-servers-that-run"] == "1of 2"
    assert figures["now--oldest-replica"] == "∞"


def test_alerts_are_told_on_every_page(rig: Rig, tmp_path: Path) -> None:
    if "massive" not in rig.container:
        pytest.skip("nothing is wrong in this one")
    within(150, lambda: "ServiceDown" in firing(rig), "the alert")
    report = browsed(tmp_path, rig.pages, "--looks", "light")
    shown = {name: page["alerts"] for name, page in report["light"].items()}
    assert "app.service is not running on app-2" in shown["overview"]
    assert all("fire" in text for name, text in shown.items() if name != "overview")


def firing(rig: Rig) -> set[str]:
    alerts = http(f"{rig.url}/api/v1/alerts").json["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def test_one_file_holds_the_overview_and_asks_nobody(rig: Rig, tmp_path: Path) -> None:
    opened = open_inventory(rig.folder)
    (monitor,) = rig.layout.running("monitoring")
    here = script(rig.layout, replace(monitor, address="127.0.0.1"))
    said = subprocess.run(
        ["docker", "exec", "-i", rig.container, "sh", "-s"], input=here, capture_output=True, text=True, check=True
    )
    running = services(rig.layout, watched_of(opened.roles)(rig.layout))
    file = tmp_path / "status.html"
    file.write_text(alone(rig.layout, running, parse(rig.layout, said.stdout), "<p>told</p>"), encoding="utf-8")
    report = browsed(tmp_path, file.as_uri(), "--file", "--pictures", str(tmp_path / "pictures"))
    assert report["asked"] == [""], "only the file itself"
    assert (report["failed"], report["said"]) == ([], [])
    assert undrawn(report, rig.layout, only="overview") == []
    assert set(report["light"]["overview"]["picture"]["dots"].values()) >= {"good"}


def test_without_prometheus_the_file_says_so_and_shows_what_hosts_say(rig: Rig, tmp_path: Path) -> None:
    opened = open_inventory(rig.folder)
    running = services(rig.layout, watched_of(opened.roles)(rig.layout))
    bad, *well = [host.name for host in rig.layout.hosts]
    units = tuple(
        Unit(unit.removesuffix(".service"), "loaded", "active", "", "") for one in running for unit in one.units
    )
    status = combine(
        rig.layout, [HostStatus(bad, "No route to host"), *(HostStatus(name, units=units) for name in well)]
    )
    text = alone(rig.layout, running, without(rig.layout, status, running, "curl: (7) refused"), "")
    (tmp_path / "status.html").write_text(text, encoding="utf-8")
    report = browsed(tmp_path, (tmp_path / "status.html").as_uri(), "--file", "--looks", "light")
    page = report["light"]["overview"]
    assert "Prometheus could not be asked (curl: (7) refused)" in page["notice"]
    assert page["picture"]["hosts"] == {bad: "critical", **dict.fromkeys(well, "good")}
    assert all(card["empty"] for card in page["cards"] if card["kind"] != "stat")
    assert (report["asked"], report["said"]) == ([""], [])
    assert json.dumps(page["cards"]).count("No figures in this time.") > 3
