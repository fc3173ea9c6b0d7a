"""The cases in tests/rules: what each alert must say when, for promtool, against the very rules a monitor host gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from massive_deploy.inventory import open_inventory
from massive_deploy.render import Renderer
from massive_deploy.view import Release

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests/rules"
RULES = "/etc/prometheus/rules/alerts.yml"
# Everything that has alerts of its own.
STACK = """
name: trial
stack: massive
target: docker
{more}
app: {{source: ., settings: shop.settings, worker: shop, domains: [shop.example]}}
roles: {{nginx: {{tls: own}}, monitoring: {{{monitoring}}}}}
"""


def cases() -> list[Path]:
    """All of them, sorted. A file is a list of promtool's `tests`."""
    return sorted(CASES.glob("*.yml"))


def yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


def monitor_files(folder: Path, more: str = "", monitoring: str = "") -> dict[str, str]:
    """What the monitor host of such a stack gets, by path. Secrets are `word of NAME`."""
    (folder / "topology.yaml").write_text(STACK.format(more=more, monitoring=monitoring), encoding="utf-8")
    opened = open_inventory(folder)
    renderer = Renderer(opened.layout, opened.roles, lambda name: f"word of {name}", release=Release("1", "/nowhere"))
    (monitor,) = opened.layout.running("monitoring")
    return {file.path: file.content for file in renderer.desired("monitoring", monitor.name).files}


def alerts(rules: str) -> list[dict[str, Any]]:
    """Every alert in a file of rules, as it is there."""
    return [rule for group in yaml(rules)["groups"] for rule in group["rules"] if "alert" in rule]


@cache
def expectations() -> tuple[tuple[str, bool], ...]:
    """Each judgement of an alert in all cases: its name, and whether it fires then."""
    found = [check for case in cases() for test in yaml(case.read_text()) for check in test["alert_rule_test"]]
    return tuple((check["alertname"], bool(check["exp_alerts"])) for check in found)


def expanded(case: Path, files: Mapping[str, str]) -> dict[str, Any]:
    """A file for promtool, beside `alerts.yml`; `files` are the monitor host's.

    A case says what an alert's summary is, for the number is in it. What else the alert says holds nothing but the
    labels the case names: it is filled in from the rule. `@TARGETS@` is how many addresses are looked at.
    """
    known = alerts(files[RULES])
    targets = files["/etc/prometheus/prometheus.yml"].count("- targets:") - 1  # Alertmanager's is none of them.
    tests = yaml(case.read_text(encoding="utf-8").replace("@TARGETS@", str(targets)))
    for test in tests:
        for check in test["alert_rule_test"]:
            for one in check["exp_alerts"]:
                one["exp_annotations"] |= _others(known, check["alertname"], one["exp_labels"])
    return {"rule_files": ["alerts.yml"], "evaluation_interval": "15s", "tests": tests}


def _others(known: list[dict[str, Any]], name: str, labels: dict[str, str]) -> dict[str, str]:
    (rule,) = (one for one in known if one["alert"] == name and one["labels"].items() <= labels.items())
    return {
        key: re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: labels[match[1]], text)
        for key, text in rule["annotations"].items()
        if key != "summary"
    }
