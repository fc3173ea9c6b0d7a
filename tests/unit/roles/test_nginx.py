from __future__ import annotations

import re

from .web_stack import desired, file

SITE = "/etc/nginx/conf.d/edge.conf"


def site(**options: object) -> str:
    return file(desired("nginx", "edge-1", **options), SITE).content


def test_what_a_client_says_of_itself_is_overwritten() -> None:
    text = site()
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    assert "$proxy_add_x_forwarded_for" not in text
    assert "set_real_ip_from" not in text


def test_a_balancer_is_believed_when_it_is_named() -> None:
    text = site(settings={"nginx": {"trusted_proxies": ["198.51.100.0/24"]}})
    assert "set_real_ip_from 198.51.100.0/24;" in text
    assert "    198.51.100.0/24 1;" in text


def test_the_largest_body_is_the_same_on_both_sides() -> None:
    options = {"settings": {"app": {"max_body": "64MiB"}}}
    inner = file(desired("app", "app-1", **options), "/etc/nginx/conf.d/app.conf").content
    assert "client_max_body_size 64m;" in site(**options)
    assert "client_max_body_size 64m;" in inner


def test_idle_connections_to_varnish_are_given_up_first() -> None:
    unit = file(desired("varnish", "edge-1"), "/etc/systemd/system/varnish.service.d/massive-deploy.conf").content
    kept = int(re.findall(r"timeout_idle=(\d+)", unit)[0])
    assert int(re.findall(r"keepalive_timeout (\d+)s", site())[0]) < kept


def test_a_new_site_is_a_reload() -> None:
    wanted = desired("nginx", "edge-1")
    nginx = wanted.units[0]
    assert nginx.reload_on == ("/etc/nginx/nginx.conf", SITE)
    assert SITE not in nginx.restart_on
