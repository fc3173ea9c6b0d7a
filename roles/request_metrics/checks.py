"""Checks of the counter of requests."""

from __future__ import annotations

import re
from typing import Any

from massive_deploy.verify.steady import eventually
from massive_deploy.view import HostView

from .desired import UNIT

# nginx writes its log every two seconds, and it is read every second.
WAIT = 15


def metrics(host: Any, view: HostView) -> str:
    """What it tells."""
    port = view.layout.port(view.role, "metrics")
    return str(host.check_output("curl -fsS --max-time 5 %s", f"http://{view.host.address}:{port}/metrics"))


def check_it_runs_and_starts_at_boot(host: Any, view: HostView) -> None:  # noqa: ARG001
    """The unit is active and enabled."""
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled


def check_a_request_is_counted(host: Any, view: HostView) -> None:
    """One that is answered with 404 by each server here is there soon."""
    servers = {"edge": 80} if view.here("nginx") else {}
    servers |= {"app": view.layout.port("app", "http")} if view.here("app") else {}
    for server, port in servers.items():
        line = re.compile(rf'^massive_requests_total{{server="{server}",code="(?:404|308)"}} (\d+)$', re.MULTILINE)

        def count(line: re.Pattern[str] = line) -> int:
            return sum(int(number) for number in line.findall(metrics(host, view)))

        before = count()
        url = f"http://{view.host.address}:{port}/.massive-deploy/check-of-the-counter"
        host.check_output("curl -sS --max-time 5 -o /dev/null %s", url)

        def rises(now: int, before: int = before) -> bool:
            return now > before

        assert rises(eventually(count, rises, WAIT)), server


def check_every_line_of_the_log_is_understood(host: Any, view: HostView) -> None:
    """The log has the form that is expected."""
    assert "massive_log_lines_unread_total 0\n" in metrics(host, view)
