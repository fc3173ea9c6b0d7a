"""Prometheus' file of rules, from the alerts of all roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from massive_deploy.alerts.model import Record, Rule


def text(groups: Mapping[str, Sequence[Rule]], runbooks: str) -> str:
    """YAML with a group for each role. `runbooks` is where the alerts' sections are."""
    writer = YAML()
    writer.width = 1 << 20
    writer.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    writer.dump({"groups": [_group(role, found, runbooks) for role, found in groups.items()]}, out)
    return out.getvalue()


def _group(role: str, found: Sequence[Rule], runbooks: str) -> dict[str, Any]:
    return {"name": role, "rules": [_rule(one, runbooks) for one in found]}


def _rule(one: Rule, runbooks: str) -> dict[str, Any]:
    if isinstance(one, Record):
        return {"record": one.name, "expr": one.expr}
    held = {"for": f"{one.hold}s"} if one.hold else {}
    return {
        "alert": one.name,
        "expr": one.expr,
        **held,
        "labels": {"severity": one.severity, **one.labels},
        "annotations": {
            "summary": one.summary,
            "feels": one.feels,
            "next": one.look,
            "runbook": one.page or f"{runbooks}#{one.name.lower()}",
        },
    }
