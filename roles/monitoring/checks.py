"""Checks of the running Prometheus and Alertmanager."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from massive_deploy.alerts.collect import rules as wanted
from massive_deploy.alerts.metrics import names
from massive_deploy.dashboards.collect import dashboards
from massive_deploy.dashboards.model import RANGE
from massive_deploy.dashboards.web import files as pages
from massive_deploy.verify.steady import eventually
from massive_deploy.view import HostView

from .outside import probes

QUIET = {"DeadMansSwitch"}
NEWS = {"LeaderChanged", "ServiceRestarted"}
"""They tell for ten minutes of what is over."""
WAIT = 90
AT_ONCE = 50


def ask(host: Any, view: HostView, path: str, name: str = "prometheus") -> Any:
    """What the API at that path answers."""
    port = view.layout.port(view.role, name)
    answer: Any = json.loads(host.check_output(f"curl -sf 'http://{view.host.address}:{port}{path}'"))
    return answer


def rules(host: Any, view: HostView) -> list[dict[str, Any]]:
    """Every loaded rule."""
    groups = ask(host, view, "/api/v1/rules")["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def check_all_run_and_start_at_boot(host: Any, view: HostView) -> None:  # noqa: ARG001
    """Prometheus, Alertmanager and blackbox_exporter run, and start at boot."""
    for name in ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter"):
        service = host.service(name)
        assert service.is_running, name
        assert service.is_enabled, name


def check_every_target_is_up(host: Any, view: HostView) -> None:
    """Every metrics port of the stack is read without error."""
    expected = {probe.url for probe in probes(view.layout)} | {
        f"{serving.address}:{port.number}"
        for role, ports in view.layout.ports.items()
        for port in ports
        if port.metrics
        for serving in view.running(role)
    }

    def look() -> tuple[set[str], dict[str, str]]:
        targets = ask(host, view, "/api/v1/targets?state=active")["data"]["activeTargets"]
        down = {
            f"{t['labels']['job']} on {t['labels']['host']}": t["lastError"] for t in targets if t["health"] != "up"
        }
        return {target["labels"]["instance"] for target in targets}, down

    there, down = eventually(look, lambda seen: seen == (expected, {}), WAIT)
    assert there == expected
    assert not down


def check_rules_are_loaded_and_healthy(host: Any, view: HostView) -> None:
    """The rules are loaded, and each can be evaluated."""
    loaded = {rule["name"] for rule in rules(host, view)}
    assert {one.name for role in wanted(view.layout).values() for one in role} == loaded
    assert [(rule["name"], rule["lastError"]) for rule in rules(host, view) if rule.get("lastError")] == []


def check_every_rule_reads_metrics_that_exist(host: Any, view: HostView) -> None:
    """No rule waits for a metric that nothing exports: such an alert never fires."""
    read = {name for rule in rules(host, view) for name in names(rule["query"])}

    def missing() -> set[str]:
        return read - set(ask(host, view, "/api/v1/label/__name__/values")["data"])

    assert not eventually(missing, lambda found: not found, WAIT)


def check_only_the_dead_mans_switch_fires(host: Any, view: HostView) -> None:
    """No alert fires but the one that always does, and what tells of something that is over."""

    def look() -> dict[str, Any]:
        alerts = ask(host, view, "/api/v1/alerts")["data"]["alerts"]
        return {alert["labels"]["alertname"]: alert["labels"] for alert in alerts if alert["state"] == "firing"}

    firing = eventually(look, lambda seen: set(seen) - NEWS == QUIET, WAIT)
    assert set(firing) - NEWS == QUIET, firing


def check_alerts_reach_alertmanager(host: Any, view: HostView) -> None:
    """The dead man's switch arrives at Alertmanager."""

    def told() -> set[str]:
        return {alert["labels"]["alertname"] for alert in ask(host, view, "/api/v2/alerts", "alerts")}

    assert eventually(told, lambda seen: seen >= QUIET, WAIT) >= QUIET


def check_every_page_is_served(host: Any, view: HostView) -> None:
    """Every page, and each file that pages load."""
    port = view.layout.port(view.role, "prometheus")
    # The folder itself shows the first page, and its file's own name leads back there.
    names = ["" if name == "index.html" else name for name in pages(view.layout, ())]
    address = f"http://{view.host.address}:{port}/user"
    script = "\n".join(f"curl -s -o /dev/null -w '%{{http_code}}\\n' {address}/{name}" for name in names)
    codes = dict(zip(names, host.check_output(script).split(), strict=True))
    assert {name: code for name, code in codes.items() if code != "200"} == {}


def check_every_panel_has_figures(host: Any, view: HostView) -> None:
    """What each chart asks for exists, but for those that may be empty."""
    port = view.layout.port(view.role, "prometheus")
    span = f"{4 * view.settings.scrape_seconds}s"
    queries = {
        f"{board.name}: {panel.title}: {query.promql}": query.promql.replace(RANGE, span)
        for board in dashboards(view.layout)
        for panel in board.panels
        if not panel.empty
        for query in panel.queries
    }
    command = f"curl -s --get http://{view.host.address}:{port}/api/v1/query --data-urlencode"

    def without() -> dict[str, str]:
        answers: list[Any] = []
        for some in batched(queries.values(), AT_ONCE):
            script = "\n".join(f"{command} {shlex.quote(f'query={one}')}; echo" for one in some)
            answers += [json.loads(line) for line in host.check_output(script).splitlines() if line]
        return {
            name: answer.get("error", "no series")
            for name, answer in zip(queries, answers, strict=True)
            if not answer.get("data", {}).get("result")
        }

    assert eventually(without, lambda found: not found, WAIT) == {}


def batched(words: Iterable[str], size: int) -> Iterator[list[str]]:
    """The words, so many at a time: a command has no room for all of a large stack."""
    left = iter(words)
    while some := list(islice(left, size)):
        yield some


def check_the_site_answers_from_outside(host: Any, view: HostView) -> None:
    """Every address of the site answers below 500 when it is asked as visitors ask."""

    def failing() -> set[str]:
        found = ask(host, view, "/api/v1/query?query=probe_success%20==%200")["data"]["result"]
        return {one["metric"]["instance"] for one in found}

    assert not eventually(failing, lambda found: not found, WAIT)
