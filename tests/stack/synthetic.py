"""Series as a busy stack would have them, for any layout: what exporters tell, on every host that runs them, over time.

For pages that are looked at without a stack. Names and labels are recorded from the real exporters (tests/exporters).
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from massive_deploy.roles.monitoring.targets import jobs, watched

from massive_deploy.dashboards.collect import dashboards
from massive_deploy.topology.layout import Layout

RECORDED = Path(__file__).resolve().parents[1] / "exporters"
LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
LABEL = re.compile(r'(\w+)="([^"]*)"')
COUNTED = re.compile(r"\b(?:rate|increase)\((\w+)")
ALL_HOSTS_METRICS = "node_exporter-metrics"
RELEASE = "massive_release_live_timestamp_seconds"


@dataclass(frozen=True)
class Recorded:
    """One line of an exporter. `value` is a level, or what a counter grows by in a second."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Story:
    """What happened: (host, unit) that do not run at the end, hosts that do not answer, hosts that receive nothing, and
    releases that went live so many seconds before the end."""

    stopped: frozenset[tuple[str, str]] = frozenset()
    silent: frozenset[str] = frozenset()
    cut: frozenset[str] = frozenset()
    releases: Mapping[str, int] = field(default_factory=lambda: {"a1b2c3d4e5f6": 9000, "0f1e2d3c4b5a": 1500})
    lasts: int = 900
    """Seconds before the end at which what is wrong began."""


QUIET = Story()


def recorded(job: str) -> list[Recorded]:
    """What that job's exporter tells; nothing where none was recorded."""
    file = RECORDED / f"{job}.prom"
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    found = [match for match in map(LINE.match, lines) if match]
    return [Recorded(one["name"], dict(LABEL.findall(one["labels"] or "")), float(one["value"])) for one in found]


def known_names() -> set[str]:
    """Names of all recorded metrics."""
    return {one.name for file in RECORDED.glob("*.prom") for one in recorded(file.stem)}


def counters(layout: Layout) -> set[str]:
    """Metrics that panels take the rate of."""
    queries = [query.promql for board in dashboards(layout) for panel in board.panels for query in panel.queries]
    return {name for query in queries for name in COUNTED.findall(query)}


def openmetrics(layout: Layout, start: int, end: int, step: int, story: Story = QUIET, after: int = 0) -> Iterator[str]:
    """Lines in OpenMetrics' text format from `start` to `end` + `after` (Unix times), a sample every `step` seconds."""
    for (name, labels), value in series(layout, end, story).items():
        shown = ",".join(f'{key}="{text}"' for key, text in labels)
        for at in range(start, end + after + 1, step):
            figure = value(at)
            if figure is not None:
                yield f"{name}{{{shown}}} {'+Inf' if figure == math.inf else f'{figure:.14g}'} {at}"
    yield "# EOF"


Value = Callable[[int], float | None]
Key = tuple[str, tuple[tuple[str, str], ...]]


def series(layout: Layout, end: int, story: Story) -> dict[Key, Value]:
    """Every series of the stack: (name, labels) → its value at a moment."""
    counted = counters(layout)
    found: dict[Key, Value] = {}

    def add(name: str, labels: Mapping[str, str], value: Value) -> None:
        found[name, tuple(sorted(labels.items()))] = value

    for job in jobs(layout):
        for target in job.targets:
            own = {**target.labels, "job": job.name, "instance": target.address}
            broken = target.labels["host"] in story.silent
            add("up", own, _until(end - story.lasts, 1, 0) if broken else _level(1))
            add("scrape_duration_seconds", own, _gauge(0.012, own))
            for one in recorded(job.name):
                for labels in _instances(layout, one):
                    special = _special(layout, one, own["host"], end, story)
                    usual = _counter if one.name in counted else _gauge
                    value = special or usual(one.value, {**labels, **own, "": one.name})
                    add(one.name, {**labels, **own}, _silenced(value, end - story.lasts) if broken else value)
    for cluster in layout.clusters:
        for host in cluster.hosts[1:]:
            own = {"host": host.name, "cluster": cluster.name, "role": "postgresql"}
            add("massive:replica_lag_bytes", own, _gauge(2400, own))
    for host, unit in story.stopped:
        alert = {"alertname": "ServiceDown", "alertstate": "firing", "severity": "critical", "host": host, "unit": unit}
        add("ALERTS", alert, lambda at: 1 if at > end - story.lasts + 60 else None)
    _units(layout, end, story, add)
    _releases(layout, end, story, add)
    return found


def _instances(layout: Layout, one: Recorded) -> Iterator[dict[str, str]]:
    """A balancer's ways exist for each cluster."""
    proxy = one.labels.get("proxy", "")
    if proxy.endswith("-1"):
        for cluster in layout.clusters:
            yield {**one.labels, "proxy": f"{proxy[:-1]}{cluster.number}"}
    else:
        yield dict(one.labels)


def _special(layout: Layout, one: Recorded, host: str, end: int, story: Story) -> Value | None:
    """What differs between leaders and replicas, and clocks."""
    placed = layout.host(host).cluster
    cluster = next((found for found in layout.clusters if found.number == placed), None)
    leads = cluster is not None and cluster.hosts[0].name == host
    cut = host in story.cut
    began = end - story.lasts
    replica = _until(began, 1, 0) if cut else _level(1)
    writes = _counter(one.value, {"cluster": str(placed)})
    age = _until(began, 0.6, math.inf) if cut else _gauge(0.6, {"host": host})
    of_leader: dict[str, Value] = {
        "patroni_primary": _level(1),
        "patroni_replica": _level(0),
        "patroni_postgres_streaming": _level(0),
        "massive_replication_age_seconds": _level(0),
        "massive_replication_receiving": _nothing,
        "massive_replication_fit": _level(0),
        "patroni_xlog_location": writes,
        "patroni_xlog_replayed_location": _level(0),
    }
    of_replica: dict[str, Value] = {
        "patroni_primary": _level(0),
        "patroni_replica": _level(1),
        "patroni_postgres_streaming": replica,
        "massive_replication_age_seconds": age,
        "massive_replication_receiving": replica,
        "massive_replication_fit": replica,
        "patroni_xlog_location": _level(0),
        "patroni_xlog_replayed_location": writes,
        "pg_replication_slots_pg_wal_lsn_diff": _nothing,
    }
    clocks: dict[str, Value] = {"node_time_seconds": float, "patroni_dcs_last_seen": lambda at: at - 4 - at % 7}
    return (clocks | (of_leader if leads else of_replica)).get(one.name)


def _units(layout: Layout, end: int, story: Story, add: Callable[[str, Mapping[str, str], Value], None]) -> None:
    units = {(host, one.unit) for one in watched(layout) for host in one.hosts}
    if layout.topology.app.worker:
        units |= {(host.name, "app-worker.service") for host in layout.running("app")}
    began = end - story.lasts
    for host, unit in sorted(units):
        active = _until(began, 1, 0) if (host, unit) in story.stopped else _level(1)
        for state, value in (("active", active), ("failed", _level(0))):
            labels = {"host": host, "name": unit, "state": state, "role": "node_exporter", "job": ALL_HOSTS_METRICS}
            add("node_systemd_unit_state", labels, _silenced(value, began) if host in story.silent else value)


def _releases(layout: Layout, end: int, story: Story, add: Callable[[str, Mapping[str, str], Value], None]) -> None:
    """Hosts follow each other, half a minute apart."""
    times = sorted(story.releases.items(), key=lambda item: -item[1])
    for number, host in enumerate(layout.running("release")):
        for index, (release, before) in enumerate(times):
            begun = end - before + 30 * number
            over = end - times[index + 1][1] + 30 * number if index + 1 < len(times) else math.inf
            labels = {
                "host": host.name,
                "release": release,
                "ref": f"v1.{index}",
                "commit": "",
                "job": ALL_HOSTS_METRICS,
            }
            add(RELEASE, labels, _between(begun, over))


def _between(begun: float, over: float) -> Value:
    return lambda at: begun if begun <= at < over else None


def _nothing(_: int) -> None:
    """No sample."""


def _level(value: float) -> Value:
    return lambda _: value


def _until(moment: int, before: float, then: float) -> Value:
    return lambda at: before if at < moment else then


def _silenced(value: Value, moment: int) -> Value:
    return lambda at: value(at) if at < moment else None


def _phase(labels: Mapping[str, str]) -> float:
    return zlib.crc32(repr(sorted(labels.items())).encode()) % 6283 / 1000


def _gauge(value: float, labels: Mapping[str, str]) -> Value:
    """Around its level; small whole numbers, which count or say yes and no, stay."""
    if value in (0, 1, 2, 3):
        return _level(value)
    phase, size = _phase(labels), value
    return lambda at: size * (1 + 0.12 * math.sin(at / 700 + phase) + 0.04 * math.sin(at / 97 + 2 * phase))


def _counter(value: float, labels: Mapping[str, str]) -> Value:
    """Grows by about `value` a second, now faster, now slower."""
    phase = _phase(labels)
    return lambda at: (
        1e4 * value
        + value
        * ((at % 10**7) + 0.25 * 700 * (1 - math.cos(at / 700 + phase)) + 0.05 * 97 * (1 - math.cos(at / 97 + phase)))
    )
