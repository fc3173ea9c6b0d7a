"""The pages of a real stack in a browser: two shards with replicas, visited while they are looked at.

The tests share one stack and run in order. PICTURES names a folder for the pictures of the documentation.
"""

from __future__ import annotations

import os
import shutil
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import ROOT, Stack, http, stack, visitors, within
from pages_seen import browsed, undrawn
from warm import warm

from massive_deploy.inventory import open_inventory

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-looked-at"
TOPOLOGY = """
name: {name}
stack: sharded
target: docker
app_servers: 2
shards: 2
replicas: 1
roles:
  monitoring: {{scrape_seconds: 5}}
  firewall: {{allow: [{{port: 9090, groups: [monitor]}}]}}
app:
  source: {source}
  settings: shop.settings
  wsgi: shop.wsgi
  worker: shop
  health: /-/health
"""
LASTS = 240
"""Seconds that the stack is visited for."""
SHOWN = "#range=15m&refresh=off"
PICTURES = {"overview-light", "overview-dark", "overview-phone", "database-light", "shards-dark"}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("looked-at")
    shutil.copytree(ROOT / "examples/shop", folder / "shop")
    with stack(folder, NAME) as made:
        made.write(warm(TOPOLOGY.format(name=NAME, source=folder / "shop")))
        made.up()
        yield made


@pytest.fixture(scope="module")
def seen(watched: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every page, after some minutes with visitors."""
    folder = tmp_path_factory.mktemp("seen")
    site = f"http://{watched.hosts()['edge-1']['address']}"
    product = watched.http("/").body.split('href="/p/', 1)[1].split("/", 1)[0]
    order = {"product": int(product), "quantity": 1}
    with visitors([(f"{site}/", None), (f"{site}/cart/", None), (f"{site}/api/orders/", order)]) as failures:
        time.sleep(LASTS)
        report = browsed(folder, f"{address(watched)}/user/{SHOWN}", "--pictures", str(folder))
    assert failures == []
    if wanted := os.environ.get("PICTURES"):
        Path(wanted).mkdir(parents=True, exist_ok=True)
        for name in PICTURES:
            shutil.copy(folder / f"{name}.png", wanted)
    return report


def address(made: Stack) -> str:
    return f"http://{made.hosts()['monitor-1']['address']}:9090"


def asked(made: Stack, promql: str) -> list[dict[str, Any]]:
    words = urllib.parse.urlencode({"query": promql})
    found: list[dict[str, Any]] = http(f"{address(made)}/api/v1/query?{words}").json["data"]["result"]
    return found


def test_every_acceptance_check_passes(watched: Stack) -> None:
    watched.command("verify", str(watched.folder), "--roles", "monitoring,node_exporter,release")


def test_up_says_where_the_pages_are(watched: Stack) -> None:
    assert f"{address(watched)}/user/" in watched.up()


def test_every_page_is_drawn_in_every_look(watched: Stack, seen: dict[str, Any]) -> None:
    assert undrawn(seen, open_inventory(watched.folder).layout, known=LASTS / 900) == []


def test_no_request_leaves_the_monitor_and_nothing_goes_wrong(watched: Stack, seen: dict[str, Any]) -> None:
    assert seen["asked"] == [urllib.parse.urlsplit(address(watched)).netloc]
    assert (seen["failed"], seen["said"]) == ([], [])


def test_everything_is_shown_as_well(watched: Stack, seen: dict[str, Any]) -> None:
    picture = seen["light"]["overview"]["picture"]
    assert picture["hosts"] == dict.fromkeys(watched.hosts(), "good")
    assert set(picture["dots"].values()) == {"good"}
    assert "Nothing fires" in seen["light"]["overview"]["alerts"]


def test_a_release_that_goes_live_is_told_with_its_time(watched: Stack) -> None:
    def told() -> dict[str, tuple[str, float]]:
        found = asked(watched, "massive_release_live_timestamp_seconds")
        return {one["metric"]["host"]: (one["metric"]["release"], float(one["value"][1])) for one in found}

    before = told()
    assert set(before) == {"app-1", "app-2"}
    begun = time.time()
    source = watched.folder.parents[1] / "shop/shop/static/shop.css"
    source.write_text(source.read_text(encoding="utf-8") + "\n/* another release */\n", encoding="utf-8")
    watched.command("deploy", str(watched.folder))
    after = within(
        60, lambda: (now := told()) and not set(now.values()) & set(before.values()) and now, "the new release"
    )
    live = watched.on("app-1", "readlink /srv/app/current").strip().rpartition("/")[2]
    assert {release for release, _ in after.values()} == {live}
    assert all(begun <= at <= time.time() for _, at in after.values())
    watched.on("app-1", "systemctl restart app.service")
    time.sleep(12)
    assert told() == after, "a restart is no release"


def test_what_stops_turns_red(watched: Stack, tmp_path: Path) -> None:
    watched.on("app-2", "systemctl stop app.service")
    try:
        within(
            30, lambda: asked(watched, 'node_systemd_unit_state{name="app.service",state="active"} == 0'), "the figure"
        )
        report = browsed(tmp_path, f"{address(watched)}/user/{SHOWN}", "--looks", "light")
    finally:
        watched.on("app-2", "systemctl start app.service")
    picture = report["light"]["overview"]["picture"]
    assert picture["dots"]["app-2 app"] == "critical"
    assert picture["hosts"]["app-2"] == "critical"
    assert picture["dots"]["app-1 app"] == "good"
    (card,) = (card for card in report["light"]["overview"]["cards"] if card["id"] == "now--app-servers-that-run")
    assert card["figure"] == "1of 2"


def test_the_overview_is_one_file_that_asks_nobody(watched: Stack, tmp_path: Path) -> None:
    within(60, lambda: not asked(watched, 'node_systemd_unit_state{name="app.service",state="active"} == 0'), "the app")
    file = tmp_path / "status.html"
    watched.command("status", str(watched.folder), "--html", str(file))
    report = browsed(tmp_path, file.as_uri(), "--file")
    assert report["asked"] == [""]
    assert (report["failed"], report["said"]) == ([], [])
    layout = open_inventory(watched.folder).layout
    # Lines of the last minutes within an hour.
    assert undrawn(report, layout, known=LASTS / 3600, only="overview") == []
    assert report["light"]["overview"]["picture"]["hosts"] == dict.fromkeys(watched.hosts(), "good")
    assert "streaming" in file.read_text(encoding="utf-8")


def test_without_prometheus_the_file_still_says_what_hosts_say(watched: Stack, tmp_path: Path) -> None:
    file = tmp_path / "status.html"
    watched.on("monitor-1", "systemctl stop prometheus")
    try:
        watched.command("status", str(watched.folder), "--html", str(file), code=1)
    finally:
        watched.on("monitor-1", "systemctl start prometheus")
    report = browsed(tmp_path, file.as_uri(), "--file", "--looks", "light")
    page = report["light"]["overview"]
    assert "Prometheus could not be asked (curl: (7)" in page["notice"]
    assert page["picture"]["hosts"]["monitor-1"] == "critical"
    assert page["picture"]["hosts"]["db-1"] == "good"
