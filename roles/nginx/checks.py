"""Checks of the nginx role."""

from __future__ import annotations

from typing import Any

from massive_deploy.view import HostView


def check_nginx_runs_and_starts_at_boot(host: Any, view: HostView) -> None:  # noqa: ARG001
    """The unit is active and enabled, its configuration valid."""
    assert host.service("nginx").is_running
    assert host.service("nginx").is_enabled
    assert host.run("nginx -t").rc == 0


def check_the_site_answers_below_500(host: Any, view: HostView) -> None:
    """A request through the edge, the cache and an app host."""
    name = f"Host: {view.topology.app.domains[0].replace('*', 'www')}" if view.topology.app.domains else "X-None: none"
    url = f"http://{view.host.address}{view.topology.app.health}"
    status = host.check_output("curl -sS --max-time 10 -o /dev/null -w %s -H %s %s", "%{http_code}", name, url)
    assert 200 <= int(status) < 500


def check_the_answer_went_through_the_cache(host: Any, view: HostView) -> None:
    """Varnish says what it did, nginx gave the request a name."""
    answer = host.check_output("curl -sS --max-time 10 -o /dev/null -D- %s", f"http://{view.host.address}/").lower()
    assert "x-cache: " in answer
    assert "x-request-id: " in answer
    assert "x-content-type-options: nosniff" in answer


def check_internals_are_not_for_visitors(host: Any, view: HostView) -> None:
    """Probes and release names stay inside the stack."""
    for path in ("health", "release", "cache"):
        url = f"http://{view.host.address}/.massive-deploy/{path}"
        assert host.check_output("curl -sS --max-time 5 -o /dev/null -w %s %s", "%{http_code}", url) == "404"


def check_nginx_metrics_are_served(host: Any, view: HostView) -> None:
    """The exporter reads the counters."""
    assert "nginx_up 1" in host.check_output("curl -fsS http://%s:9113/metrics", view.host.address)
