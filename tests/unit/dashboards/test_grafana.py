"""Grafana's JSON: what it needs, where panels stand, and that limits mean the same."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from massive_deploy.dashboards.collect import dashboards
from massive_deploy.dashboards.grafana import files, steps
from massive_deploy.dashboards.model import Limits
from massive_deploy.dashboards.web import files as pages

from .stacks import layout


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Any]:
    found = layout(tmp_path, "stack: sharded", "replicas: 1")
    return {name: json.loads(text) for name, text in files(found, dashboards(found)).items()}


def test_a_file_for_each_page(made: dict[str, Any], tmp_path: Path) -> None:
    served = {name for name in pages(layout(tmp_path, "stack: sharded", "replicas: 1"), ()) if name.endswith(".json")}
    assert {f"grafana/{name}" for name in made} == served
    assert len({one["uid"] for one in made.values()}) == len(made)
    assert all(len(one["uid"]) <= 40 for one in made.values())


def test_panels_have_their_own_places(made: dict[str, Any]) -> None:
    for board in made.values():
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        for panel in board["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
        for one, other in itertools.combinations([panel["gridPos"] for panel in board["panels"]], 2):
            beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            apart = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert beside or apart


def test_queries_are_in_grafanas_words(made: dict[str, Any]) -> None:
    targets = [target for board in made.values() for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(targets) > 80
    for target in targets:
        assert "$range" not in target["expr"]
        assert target["datasource"]["uid"] == "${datasource}"
    assert any("[$__rate_interval]" in target["expr"] for target in targets)
    assert any(target["legendFormat"] == "{{host}}" for target in targets)
    for board in made.values():
        for panel in board["panels"]:
            letters = [target["refId"] for target in panel.get("targets", [])]
            assert len(set(letters)) == len(letters)


def colour(value: float, limits: Limits) -> str:
    """As Grafana finds it: that of the last step that the value has reached."""
    reached = [step["color"] for step in steps(limits) if step["value"] is None or value >= step["value"]]
    return str(reached[-1])


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), {0: "green", 9: "green"}),
        (Limits(warning=5, critical=8), {4: "green", 5: "orange", 7: "orange", 8: "red", 9: "red"}),
        (Limits(critical=8), {7: "green", 8: "red"}),
        (Limits(critical=0, below=True), {0: "red", 1: "green"}),
        (Limits(warning=3, critical=1, below=True), {0: "red", 1: "red", 2: "orange", 3: "orange", 4: "green"}),
        (Limits(warning=1, critical=1, below=True), {1: "red", 2: "green"}),
    ],
)
def test_limits_have_the_same_meaning(limits: Limits, expected: dict[float, str]) -> None:
    assert {value: colour(value, limits) for value in expected} == expected
    values = [step["value"] for step in steps(limits)]
    assert values[0] is None
    assert values[1:] == sorted(values[1:])
