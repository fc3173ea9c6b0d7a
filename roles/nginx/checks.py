"""Checks of the nginx role."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from massive_deploy.desired import MAINTENANCE
from massive_deploy.view import HostView

from .https import AUTHORITY, certificate

# `verify` warns this many days before a certificate ends.
DAYS_LEFT = 14
# Seconds after which a request is in the log at the latest.
LOGGED = 10
MOST_REQUESTS = 500


def check_nginx_runs_and_starts_at_boot(host: Any, view: HostView) -> None:  # noqa: ARG001
    """The unit is active and enabled, its configuration valid."""
    assert host.service("nginx").is_running
    assert host.service("nginx").is_enabled
    assert host.run("nginx -t").rc == 0


def check_the_site_answers_below_500(host: Any, view: HostView) -> None:
    """A request through the edge, the cache and an app host."""
    name = f"Host: {view.topology.app.domains[0].replace('*', 'www')}" if view.topology.app.domains else "X-None: none"
    url = f"{_site(view)}{view.topology.app.health}"
    status = host.check_output(f"{_curl(view)} -o /dev/null -w %s -H %s %s", "%{http_code}", name, url)
    assert 200 <= int(status) < 500


def check_the_answer_went_through_the_cache(host: Any, view: HostView) -> None:
    """Varnish says what it did, nginx gave the request a name."""
    answer = host.check_output(f"{_curl(view)} -o /dev/null -D- %s", f"{_site(view)}/").lower()
    assert "x-cache: " in answer
    assert "x-request-id: " in answer
    assert "x-content-type-options: nosniff" in answer


def check_internals_are_not_for_visitors(host: Any, view: HostView) -> None:
    """Probes and release names stay inside the stack."""
    for path in ("health", "release", "cache"):
        url = f"http://{view.host.address}/.massive-deploy/{path}"
        assert host.check_output("curl -sS --max-time 5 -o /dev/null -w %s %s", "%{http_code}", url) == "404"


def check_a_page_that_may_be_kept_is_served_by_the_second_layer(host: Any, view: HostView) -> None:
    """Of some requests within one second, all but the first are answered by nginx itself."""
    url = f"{_site(view)}/"
    if not view.settings.second_layer or "x-cache: pass" in _headers(host, view, url):
        return
    for _ in range(5):
        answers = host.check_output(f"{_curl(view)} -D- -o /dev/null %s -o /dev/null %s -o /dev/null %s", url, url, url)
        if "x-cache-layer: edge" in answers.lower():
            return
    assert "x-cache: miss" in answers.lower(), "kept by Varnish, and not by nginx"


def check_a_session_is_never_answered_by_the_second_layer(host: Any, view: HostView) -> None:
    """With a session cookie or a word of who it is, every answer comes from Varnish or the project."""
    names = view.settings_of("varnish").session_cookies[:1]
    for header in (*(f"Cookie: {name}=massive-deploy-check" for name in names), "Authorization: Basic Og=="):
        url = f"{_site(view)}/"
        answers = host.check_output(f"{_curl(view)} -o /dev/null -D- -H %s %s -o /dev/null %s", header, url, url)
        assert "x-cache-layer: edge" not in answers.lower()


def check_a_client_cannot_choose_its_address_or_request_id(host: Any, view: HostView) -> None:
    """What it says of itself is in no line of the log."""
    tale, address = "massive-deploy-check-made-up", "192.0.2.66"
    headers = f"-H 'X-Request-ID: {tale}' -H 'X-Forwarded-For: {address}' -H 'X-Real-IP: {address}'"
    answer = host.check_output(f"{_curl(view)} -o /dev/null -D- {headers} %s", f"{_site(view)}/").lower()
    (name,) = re.findall(r"^x-request-id: (\S+)", answer, re.MULTILINE)
    if view.host.address in view.settings.trusted_proxies:
        return
    assert name != tale
    line = f'grep -F \'"request":"{name}"\' /var/log/nginx/access.log'
    deadline = time.monotonic() + LOGGED
    while (found := host.run(line)).rc != 0 and time.monotonic() < deadline:
        time.sleep(0.5)
    # With an app server on this host, its line is here too.
    assert {json.loads(seen)["client"] for seen in found.stdout.splitlines()} == {view.host.address}


def check_the_site_is_not_in_maintenance(host: Any, view: HostView) -> None:  # noqa: ARG001
    """No visitor sees the maintenance page."""
    assert not host.file(MAINTENANCE).exists, "massive-deploy maintenance off"


def check_limits_answer_429(host: Any, view: HostView) -> None:
    """More requests at a time than one address may make are refused, and told when to come again."""
    limit, burst = view.settings.requests_per_second, view.settings.requests_burst
    # A check is no load test.
    if not limit or limit + burst > MOST_REQUESTS or view.host.address in view.settings.unlimited:
        return
    many = f"{_site(view)}/.well-known/massive-deploy-check?[1-{2 * (limit + burst)}]"
    ask = f"{_curl(view)} --parallel --parallel-max 50 -o /dev/null -w %s %s"
    assert "429 1\n" in host.run(ask, "%{http_code} %header{retry-after}\n", many).stdout


def check_hidden_files_are_not_served(host: Any, view: HostView) -> None:
    """What editors and version control leave behind stays hidden."""
    for path in (".git/HEAD", "a/.env"):
        url = f"{_site(view)}/{path}"
        assert host.check_output(f"{_curl(view)} -o /dev/null -w %s %s", "%{http_code}", url) == "404"


def check_nginx_metrics_are_served(host: Any, view: HostView) -> None:
    """The exporter reads the counters."""
    assert "nginx_up 1" in host.check_output("curl -fsS http://%s:9113/metrics", view.host.address)


def check_the_certificate_lasts(host: Any, view: HostView) -> None:
    """What nginx serves is good for two more weeks."""
    if view.settings.tls == "off":
        return
    served = f"openssl s_client -connect {view.host.address}:443 {_server_name(view)} </dev/null 2>/dev/null"
    ends = f"{served} | openssl x509 -noout -enddate -checkend {DAYS_LEFT * 86400}"
    assert host.run(ends).rc == 0, f"it ends within {DAYS_LEFT} days: {host.run(ends).stdout.strip()}"


def check_the_certificate_is_the_one_on_disk(host: Any, view: HostView) -> None:
    """nginx was reloaded since the certificate changed, and only root reads its key."""
    if view.settings.tls == "off":
        return
    path = certificate(view)
    assert (host.file(path).user, host.file(path).mode) == ("root", 0o600)
    served = f"openssl s_client -connect {view.host.address}:443 {_server_name(view)} </dev/null 2>/dev/null"
    prints = "openssl x509 -noout -fingerprint -sha256"
    assert host.check_output(f"{served} | {prints}") == host.check_output(f"{prints} -in {path}")


def check_the_certificate_is_trusted(host: Any, view: HostView) -> None:
    """By everybody who trusts the stack's own authority; by everybody, where an issuer gave it."""
    if view.settings.tls == "own":
        host.check_output(
            f"curl -fsS --max-time 10 --cacert {AUTHORITY} https://%s/.massive-deploy/edge", view.host.name
        )
    if view.settings.tls == "acme":
        path = certificate(view)
        bundle = view.settings.acme.bundle
        assert host.run(f"openssl verify -CAfile {AUTHORITY} {path}").rc != 0, "the issuer's is not there yet"
        host.check_output(f"openssl verify -CAfile %s -untrusted {path} {path}", bundle)


def check_old_protocols_are_refused(host: Any, view: HostView) -> None:
    """TLS 1.2 and 1.3, nothing older; HTTP/2 is offered; plain HTTP leads to HTTPS."""
    if view.settings.tls == "off":
        return
    at = f"https://{view.host.address}/.massive-deploy/edge"
    ask = "curl -sS --insecure --max-time 10 -o /dev/null"
    # The client must be willing, or it proves nothing.
    weak = "--ciphers DEFAULT:@SECLEVEL=0"
    assert host.run(f"{ask} --tls-max 1.1 --tlsv1.0 {weak} {at}").rc == 35
    assert host.check_output(f"{ask} --tls-max 1.2 -w %s {at}", "%{http_code} %{http_version}") == "200 2"
    assert host.check_output(f"{ask} --tlsv1.3 -w %s {at}", "%{http_code} %{http_version}") == "200 2"
    if view.settings.https.redirect:
        answer = host.check_output(f"{ask} -w %s http://{view.host.address}/a?b", "%{http_code} %{redirect_url}")
        assert answer == f"308 https://{view.host.address}/a?b"


def _headers(host: Any, view: HostView, url: str) -> str:
    return str(host.check_output(f"{_curl(view)} -o /dev/null -D- %s", url)).lower()


def _site(view: HostView) -> str:
    return f"{'http' if view.settings.tls == 'off' else 'https'}://{view.host.address}"


def _curl(view: HostView) -> str:
    """Asked by address, so that only the stack's own certificate can be for that name."""
    trust = {"off": "", "own": f" --cacert {AUTHORITY}"}.get(view.settings.tls, " --insecure")
    return f"curl -sS --max-time 10{trust}"


def _server_name(view: HostView) -> str:
    domains = view.topology.app.domains
    return f"-servername {domains[0].replace('*', 'www')}" if domains else ""
