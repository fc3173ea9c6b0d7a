"""Checks of the varnish role."""

from __future__ import annotations

from typing import Any

from massive_deploy.view import HostView

HERE = "http://127.0.0.1:6081"


def check_varnish_runs_and_starts_at_boot(host: Any, view: HostView) -> None:  # noqa: ARG001
    """The unit is active and enabled."""
    assert host.service("varnish").is_running
    assert host.service("varnish").is_enabled


def check_every_app_host_is_healthy(host: Any, view: HostView) -> None:
    """Varnish's own probes reach the project on each app host."""
    backends = [line.split() for line in host.check_output("varnishadm -t 5 backend.list").splitlines()]
    # A reload leaves the backends of the program before it in the list, without probes of their own.
    healthy = {words[0].partition(".")[2] for words in backends if len(words) > 3 and words[3].lower() == "healthy"}
    assert {f"app_{peer.name.replace('-', '_')}" for peer in view.running("app")} <= healthy


def check_varnish_is_reached_by_nginx_alone(host: Any, view: HostView) -> None:
    """Unix socket and loopback; nothing for visitors on the network."""
    assert host.file("/run/varnish/http.sock").is_socket
    assert host.socket("tcp://127.0.0.1:6081").is_listening
    assert not host.socket("tcp://0.0.0.0:6081").is_listening
    assert not host.socket(f"tcp://{view.host.address}:6081").is_listening


def check_purges_are_taken_from_the_stack_alone(host: Any, view: HostView) -> None:
    """Purges go in at their own port, nothing else does, and none at the others."""
    door = f"http://{view.host.address}:{view.layout.port('varnish', 'purge')}/"
    command = "curl -sS --max-time 5 -o /dev/null -w %s -X %s -H %s %s"
    tags = "X-Purge-Tags: massive-deploy-check"
    assert host.check_output(command, "%{http_code}", "PURGE", tags, door) == "200"
    assert host.check_output(command, "%{http_code}", "GET", tags, door) == "405"
    assert host.check_output(command, "%{http_code}", "PURGE", tags, f"{HERE}/") == "405"


def check_the_program_that_runs_is_the_one_in_its_files(host: Any, view: HostView) -> None:  # noqa: ARG001
    """The active VCL holds the files as they are: no reload was missed."""
    active = "varnishadm -t 5 vcl.list | awk '$1 == \"active\" {print $NF}'"
    shown = host.check_output(f'varnishadm -t 5 vcl.show -v "$({active})"')
    for path in host.check_output("ls /etc/varnish/massive/*.vcl /etc/varnish/user/*.vcl").split():
        assert host.file(path).content_string.strip() in shown, path


def check_a_page_that_may_be_kept_is_a_hit(host: Any, view: HostView) -> None:  # noqa: ARG001
    """The second request of the home page is answered from memory, if the page allows it."""
    headers = [host.check_output("curl -sS --max-time 10 -o /dev/null -D- %s", f"{HERE}/").lower() for _ in range(2)]
    if "s-maxage=" in headers[0] and "set-cookie:" not in headers[0]:
        assert "x-cache: hit" in headers[1] or "x-cache: stale" in headers[1]


def check_a_session_goes_past_the_cache(host: Any, view: HostView) -> None:
    """A request with a session cookie is never answered from memory."""
    for name in view.settings.session_cookies[:1]:
        command = "curl -sS --max-time 10 -o /dev/null -D- -H %s %s"
        answer = host.check_output(command, f"Cookie: {name}=massive-deploy-check", f"{HERE}/")
        assert "x-cache: pass" in answer.lower()


def check_varnish_metrics_are_served(host: Any, view: HostView) -> None:
    """The exporter reads the counters."""
    assert "varnish_up 1" in host.check_output("curl -fsS http://%s:9131/metrics", view.host.address)
