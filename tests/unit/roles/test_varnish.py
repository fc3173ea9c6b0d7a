from __future__ import annotations

import re

from .web_stack import PLACED, desired, file, view

VCL = "/etc/varnish/default.vcl"


def vcl(**options: object) -> str:
    return file(desired("varnish", "edge-1", **options), VCL).content


def test_every_app_host_is_a_backend() -> None:
    assert re.findall(r"^backend (\w+) \{\n    \.host = \"([\d.]+)\"", vcl(), re.MULTILINE) == [
        ("app_app_1", "192.0.2.1"),
        ("app_app_2", "192.0.2.2"),
    ]


def test_another_app_host_means_a_reload_and_no_restart() -> None:
    """A restart would empty the cache."""
    two = desired("varnish", "edge-1")
    three = desired("varnish", "edge-1", placed={**PLACED, "app": ("app-1", "app-2", "app-3")})
    unit = two.units[0]
    assert two.restart_fingerprint(unit) == three.restart_fingerprint(unit)
    assert two.reload_fingerprint(unit) != three.reload_fingerprint(unit)


def test_session_cookies_pass_and_the_allow_list_is_kept() -> None:
    text = vcl(settings={"varnish": {"session_cookies": ["sid"], "cookies": ["my-lang"]}})
    assert r'req.http.Cookie ~ "(^|;\s*)(sid)="' in text
    assert '";(sid|my-lang)="' in text


def test_no_session_cookies_at_all() -> None:
    text = vcl(settings={"varnish": {"session_cookies": [], "cookies": []}})
    assert "()=" not in text


def test_several_lines_of_one_header_are_read_together() -> None:
    """nginx adds a Vary line of its own; Django's `Vary: Cookie` is then the second."""
    text = vcl()
    assert text.index("std.collect(beresp.http.Vary)") < text.index("beresp.http.Vary ~")


def test_only_the_stack_may_purge() -> None:
    (acl,) = re.findall(r"acl purgers \{(.*?)\}", vcl(), re.DOTALL)
    assert re.findall(r'"([\d.]+)"', acl) == ["127.0.0.1", "192.0.2.1", "192.0.2.2", "192.0.2.4"]


def test_it_listens_on_no_network_address() -> None:
    unit = file(desired("varnish", "edge-1"), "/etc/systemd/system/varnish.service.d/massive-deploy.conf").content
    assert re.findall(r"-a (\S+?)[, ]", unit) == ["edge=/run/varnish/http.sock", "loopback=127.0.0.1:6081"]
    assert view("varnish", "edge-1").host.address not in unit
