"""A drill's result as a table, JSON and a page."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

from rich.console import Console

from massive_deploy.operate.drills.page import page, timeline
from massive_deploy.operate.drills.report import rows, sentences, table
from massive_deploy.operate.drills.result import result
from massive_deploy.operate.drills.run import Drilled

from .recorded import seen, told


def drilled(*missing: int, **changed: object) -> Drilled:
    known = told(*missing, **changed)
    return Drilled(result(seen(), known), seen(), known)


def test_the_json_has_every_figure_and_is_json() -> None:
    found = json.loads(json.dumps(drilled().result.to_json()))
    assert found["write_gap"] == 2.14
    assert (found["lost"], found["safe"], found["two_leaders"]) == (0, True, [])


def test_the_table_says_who_led_and_what_was_lost() -> None:
    out = Console(width=120, file=io.StringIO())
    with out.capture() as captured:
        out.print(table(drilled(3).result))
    text = captured.get()
    assert "db-1, then db-2" in text
    assert "1 of 49" in text


def test_a_stack_that_stays_away_is_told_with_what_to_type() -> None:
    found = drilled(well=None, problem="db-1 does not stream").result
    told_ = list(sentences(found, "inventories/staging"))
    assert told_[-2] == "not well again: db-1 does not stream"
    assert "massive-deploy reinit inventories/staging HOST" in told_[-1]
    assert dict(rows(found))["well again after it was undone"] == "not by itself"


def test_when_all_is_well_only_failures_are_explained() -> None:
    told_ = list(sentences(drilled().result, "x"))
    assert told_[0] == "failed: 1 × write: server closed the connection"
    assert all(line.startswith("failed: ") for line in told_)
    assert list(sentences(replace(drilled().result, reasons=()), "x")) == []


def test_the_page_stands_by_itself_in_light_and_dark() -> None:
    text = page(drilled())
    assert "prefers-color-scheme: dark" in text
    assert not [word for word in ("http://", "https://", "<script", "@import", "url(") if word in text]


def test_what_hosts_said_is_text_in_the_page() -> None:
    text = page(drilled(well=None, problem="<b>broken</b>"))
    assert "<b>" not in text
    assert "&lt;b&gt;broken&lt;/b&gt;" in text


def test_the_timeline_draws_the_pause_and_the_failures() -> None:
    svg = ET.fromstring(timeline(drilled()))  # noqa: S314 - our own text
    bars = [one for one in svg.iter("rect") if one.get("class") == "good"]
    writes = [one for one in bars if one.get("y") == "8"]
    assert len(writes) == 2, "before the fault, and after the promotion"
    assert sum(one.get("class") == "bad" for one in svg.iter("rect")) == 3, "a write, a read and a visit"
    names = [one.text for one in svg.iter("text")][:5]
    assert names == ["writes", "reads", "db-1 leads", "db-2 leads", "site, uncached"]


def test_a_drill_without_any_visitor_is_drawn_too() -> None:
    quiet = drilled()
    ET.fromstring(timeline(replace(quiet, seen=replace(quiet.seen, visits=()))))  # noqa: S314 - our own text
