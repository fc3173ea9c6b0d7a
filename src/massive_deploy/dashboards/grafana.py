"""The same dashboards as JSON that Grafana imports, for those who have one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from massive_deploy.dashboards.model import RANGE, RELEASES, Dashboard, Limits, Panel, Row, Unit, slug
from massive_deploy.topology.layout import Layout

UNITS: dict[Unit, str] = {
    "count": "short",
    "per second": "cps",
    "ratio": "percentunit",
    "bytes": "bytes",
    "bytes/s": "binBps",
    "seconds": "s",
    "on/off": "bool_on_off",
}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
ABOVE = 1e-6
"""Grafana's steps begin at their value; where a limit itself still counts as bad, the good begins just after it."""


def files(layout: Layout, dashboards: Sequence[Dashboard]) -> dict[str, str]:
    """File name → JSON, a file for each dashboard."""
    return {
        f"{one.name}.json": json.dumps(dashboard(layout, one), indent=1, sort_keys=True) + "\n" for one in dashboards
    }


def dashboard(layout: Layout, shown: Dashboard) -> dict[str, Any]:
    """One dashboard in Grafana's schema; it asks which Prometheus to read when it is imported."""
    tag = f"massive-deploy-{slug(layout.name)}"
    return {
        "uid": hashlib.sha256(f"{layout.name}/{shown.name}".encode()).hexdigest()[:20],
        "title": f"{layout.name}: {shown.title}",
        "description": f"{shown.about} Written by massive-deploy: edits are lost with the next import.",
        "tags": ["massive-deploy", tag],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "links": [
            {
                "type": "dashboards",
                "title": layout.name,
                "tags": [tag],
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}]
        },
        "annotations": {
            "list": [
                {
                    "name": "Releases",
                    "datasource": SOURCE,
                    "enable": True,
                    "iconColor": "blue",
                    "expr": f"1000 * {RELEASES}",
                    "useValueForTime": True,
                    "titleFormat": "{{release}} {{ref}}",
                    "textFormat": "on {{host}}",
                }
            ]
        },
        "panels": list(_panels(shown.rows)),
    }


def _panels(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Headings and panels from the top, each placed on Grafana's grid of 24 columns."""
    number, top = 0, 0
    for row in rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": _place(0, top, COLUMNS, 1),
        }
        top, left, high = top + 1, 0, 0
        for panel in row.panels:
            width, height = (4, 5) if panel.kind == "stat" else (8, 8)
            if left + width > COLUMNS:
                top, left, high = top + high, 0, 0
            number += 1
            yield {"id": number, "gridPos": _place(left, top, width, height), **_panel(panel)}
            left, high = left + width, max(high, height)
        top += high


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": "stat" if panel.kind == "stat" else "timeseries",
        "title": panel.title,
        "description": panel.means,
        "datasource": SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": query.promql.replace(RANGE, "$__rate_interval"),
                "legendFormat": re.sub(r"\{(\w+)\}", r"{{\1}}", query.legend),
                "range": True,
            }
            for number, query in enumerate(panel.queries)
        ],
        "options": _options(panel),
        "fieldConfig": {
            "defaults": {
                "unit": UNITS[panel.unit],
                "min": 0,
                **({"max": 1} if panel.unit == "on/off" else {}),
                **({"noValue": panel.empty} if panel.empty else {}),
                "thresholds": {"mode": "absolute", "steps": steps(panel.limits)},
                **({} if panel.kind == "stat" else {"custom": _drawn(panel)}),
            },
            "overrides": [],
        },
    }


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        calculation = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": calculation, "graphMode": "area", "colorMode": "value"}
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "calcs": ["lastNotNull"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _drawn(panel: Panel) -> dict[str, Any]:
    limited = panel.limits.warning is not None or panel.limits.critical is not None
    return {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if panel.unit == "on/off" else "linear",
        "fillOpacity": 30 if panel.kind == "stacked" else 0,
        "stacking": {"mode": "normal" if panel.kind == "stacked" else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limited and not panel.limits.below else "off"},
    }


def steps(limits: Limits) -> list[dict[str, Any]]:
    """Grafana's thresholds, the lowest first: each colour from its value up; the first from the very bottom."""
    given = [(limits.warning, "orange"), (limits.critical, "red")]
    stated = [(value, colour) for value, colour in given if value is not None]
    known = sorted(stated, key=lambda one: one[0], reverse=limits.below)
    if not limits.below:
        return [{"color": "green", "value": None}, *({"color": colour, "value": value} for value, colour in known)]
    found: list[dict[str, Any]] = []
    colour = "green"
    for value, beyond in known:
        found.insert(0, {"color": colour, "value": value + ABOVE})
        colour = beyond
    return [{"color": colour, "value": None}, *found]
