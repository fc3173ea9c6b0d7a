"""What Prometheus knows at this moment, asked on the monitor host itself: for a page that asks nobody later."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Mapping
from typing import Any

from massive_deploy.dashboards.collect import dashboards
from massive_deploy.dashboards.model import RANGE, RELEASES
from massive_deploy.dashboards.services import Service
from massive_deploy.dashboards.web import UNITS, UP, Snapshot
from massive_deploy.operate.status import HostStatus, Status
from massive_deploy.operate.status_parse import sections
from massive_deploy.operate.status_script import MARK
from massive_deploy.topology.layout import Host, Layout

SPAN, POINTS = 3600, 120
SECONDS = 20
"""Longest time one answer of Prometheus may take."""


def step(layout: Layout) -> int:
    """Seconds between two points of the charts."""
    scrape: int = layout.settings["monitoring"].scrape_seconds
    return max(scrape, SPAN // POINTS)


def ranges(layout: Layout) -> tuple[str, ...]:
    """What is asked over the last hour, each once, as the page will look it up."""
    span = f"{max(4 * layout.settings['monitoring'].scrape_seconds, step(layout))}s"
    asked = [query.promql for panel in dashboards(layout)[0].panels for query in panel.queries]
    return tuple(dict.fromkeys(promql.replace(RANGE, span) for promql in (*asked, RELEASES)))


def script(layout: Layout, monitor: Host) -> str:
    """Shell text for the monitor host whose output `parse` reads."""
    api = f"http://{monitor.address}:{layout.port('monitoring', 'prometheus')}/api/v1"
    curl = f"curl -sS --max-time {SECONDS} --get"
    lines = [f"step={step(layout)}", "end=$(($(date +%s) / step * step))", f"start=$((end - {SPAN}))"]
    parts = {"times": 'echo "$(date +%s) $start $end"', "alerts": f"{curl} {api}/alerts"}
    parts |= {
        f"instant {number}": f"{curl} {api}/query --data-urlencode {shlex.quote(f'query={promql}')}"
        for number, promql in enumerate((UP, UNITS))
    }
    parts |= {
        f"range {number}": f"{curl} {api}/query_range --data-urlencode {shlex.quote(f'query={promql}')} "
        '--data-urlencode "start=$start" --data-urlencode "end=$end" --data-urlencode "step=$step"'
        for number, promql in enumerate(ranges(layout))
    }
    lines += [f"echo {shlex.quote(MARK + name)}; {command} 2>&1; echo" for name, command in parts.items()]
    return "\n".join([*lines, f"echo {shlex.quote(MARK + 'end')}"])


def parse(layout: Layout, output: str) -> Snapshot:
    """From what `script` printed.

    Raises:
        ValueError: Prometheus did not answer everything; says what came instead.
    """
    parts = sections(output)
    if "end" not in parts:
        raise ValueError("the monitor host's answer is incomplete")
    now, start, end = map(float, parts["times"].split())
    instants = {promql: _result(parts[f"instant {number}"]) for number, promql in enumerate((UP, UNITS))}
    found = {promql: _result(parts[f"range {number}"]) for number, promql in enumerate(ranges(layout))}
    alerts = _data(parts["alerts"])["alerts"]
    return Snapshot(now, start, end, step(layout), found, instants, alerts, {})


def _result(answer: str) -> Any:
    return _data(answer)["result"]


def _data(answer: str) -> Any:
    text = answer.strip()
    try:
        found = json.loads(text)
        if found["status"] == "success":
            return found["data"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(text.partition("\n")[0][:200] or "no answer") from None
    raise ValueError(str(found.get("error", text))[:200])


def without(layout: Layout, status: Status, running: Iterable[Service], why: str) -> Snapshot:
    """A snapshot where Prometheus said nothing: no charts, and each state as the hosts themselves tell it."""
    now = time.time()
    hosts = {host.name: host for host in status.hosts}
    states = {name: _whole(host) for name, host in hosts.items()}
    states |= {f"{one.host} {one.role}": _service(hosts[one.host], one) for one in running}
    notice = f"Prometheus could not be asked ({why}): no charts, and states are what the hosts themselves say."
    return Snapshot(now, now - SPAN, now, step(layout), {}, {}, (), states, notice)


def _whole(host: HostStatus) -> str:
    return "good" if host.good else "critical"


def _service(host: HostStatus, service: Service) -> str:
    """By its units; one of which the host does not tell is not known."""
    told: Mapping[str, bool] = {unit.name: unit.good for unit in host.units}
    seen = [told.get(unit.removesuffix(".service")) for unit in service.units]
    if host.error or not seen or None in seen:
        return "unknown"
    return "good" if all(seen) else "critical"
