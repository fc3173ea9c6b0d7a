from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from .nginx_config import Block, parse
from .web_stack import PLACED, desired, file, load, renderer

SITE = "/etc/nginx/conf.d/edge.conf"
HTTP = "/etc/nginx/nginx.conf"
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "everything": {
        "trusted_proxies": ["198.51.100.0/24"],
        "bypass": True,
        "requests_per_second": 50,
        "requests_at_once": 100,
        "unlimited": ["192.0.2.0/24"],
        "maintenance_allow": ["203.0.113.7"],
        "permissions_policy": "camera=()",
        "opener_policy": "same-origin",
        "expose_release": True,
    },
    "tls": {"tls": "own", "hsts": 300, "https": {"http3": True}},
    "nothing": {"second_layer": False, "prerendered": False, "static_seconds": 0},
}


def text(**nginx: Any) -> str:
    return file(desired("nginx", "edge-1", settings={"nginx": nginx}), SITE).content


def site(**nginx: Any) -> Block:
    """The server visitors come to."""
    (found,) = (one for one in parse(text(**nginx)).inside if one.words == ["server"] and one.own("server_name"))
    return found


def chosen(variable: str, value: str, **nginx: Any) -> str:
    """What the map that makes `variable` gives for `value`: exact words first, then patterns in their order."""
    (found,) = (one for one in parse(text(**nginx)).inside if one.words[0] == "map" and one.words[2] == variable)
    words = {one.words[0]: one.words[1] for one in found.inside if len(one.words) == 2}
    if value in words and value != "default":
        return words[value]
    for pattern, result in words.items():
        flags = re.IGNORECASE if pattern.startswith("~*") else re.NOFLAG
        if pattern.startswith("~") and re.search(pattern.lstrip("~*"), value, flags):
            return result
    return words.get("default", "")


# ------------------------------------------------------------------ traps of the language


@pytest.mark.parametrize("way", WAYS)
def test_a_location_with_a_header_of_its_own_keeps_the_others(way: str) -> None:
    server = site(**WAYS[way])
    everywhere = {name for name, *_ in server.own("add_header")} - {"X-Cache", "X-Cache-Layer"}
    assert {"X-Frame-Options", "X-Content-Type-Options", "X-Request-ID"} <= everywhere
    own = [one for one in server.walk() if one is not server and one.own("add_header")]
    assert len(own) >= 3
    for location in own:
        assert everywhere <= {name for name, *_ in location.own("add_header")}, location.words


@pytest.mark.parametrize("way", WAYS)
def test_what_upstreams_are_told_is_said_once_for_all_locations(way: str) -> None:
    server = site(**WAYS[way])
    assert len(server.own("proxy_set_header")) > 10
    assert not [one.words for one in server.walk() if one is not server and one.own("proxy_set_header")]


@pytest.mark.parametrize("way", WAYS)
def test_if_does_nothing_but_return(way: str) -> None:
    ifs = [one for one in site(**WAYS[way]).walk() if one.words[0] == "if"]
    assert ifs
    assert {tuple(inner.words[0] for inner in one.inside) for one in ifs} == {("return",)}


# ------------------------------------------------------------------ who the client is


@pytest.mark.parametrize("way", WAYS)
def test_what_a_client_says_of_itself_is_overwritten(way: str) -> None:
    told = dict(site(**WAYS[way]).own("proxy_set_header"))
    assert told["X-Forwarded-For"] == told["X-Real-IP"] == "$remote_addr"
    assert told["X-Request-ID"] == "$stack_request_id"
    assert {"Forwarded", "X-Forwarded-Host", "True-Client-IP", "Proxy"} <= {n for n, value in told.items() if not value}
    assert "$proxy_add_x_forwarded_for" not in text(**WAYS[way])


def test_a_balancer_is_believed_when_it_is_named() -> None:
    assert not site().own("set_real_ip_from")
    assert site(trusted_proxies=["198.51.100.0/24"]).own("set_real_ip_from") == [["198.51.100.0/24"]]
    assert "    198.51.100.0/24 1;" in text(trusted_proxies=["198.51.100.0/24"])


@pytest.mark.parametrize(
    ("balancers", "shared", "port", "behind", "believed"),
    [
        ([], False, "80", "0", False),
        (["198.51.100.1"], False, "80", "0", False),
        (["198.51.100.1"], False, "443", "1", True),
        # The app host's own nginx on the same machine is asked by the stack alone.
        ([], True, "80", "0", False),
        ([], True, "8000", "0", True),
        (["198.51.100.1"], True, "80", "0", False),
        (["198.51.100.1"], True, "8000", "0", True),
    ],
)
def test_whose_request_ids_are_believed(
    balancers: list[str], shared: bool, port: str, behind: str, believed: bool
) -> None:
    placed = {**PLACED, "nginx": ("app-1",), "varnish": ("app-1",)} if shared else PLACED
    made = renderer(settings={"nginx": {"trusted_proxies": balancers}}, placed=placed)
    host = "app-1" if shared else "edge-1"
    http = file(made.desired("nginx", host), HTTP).content
    (found,) = (one for one in parse(http).walk() if one.words[0] == "map" and one.words[2] == "$stack_request_id")
    key = found.words[1].replace("$server_port", port).replace("$behind_proxy", behind)
    key = key.replace("$http_x_request_id", "0123456789abcdef")
    given = [one for one in found.inside if one.words[0].startswith("~")]
    assert any(re.search(one.words[0][1:].replace("?<", "?P<"), key) for one in given) is believed
    if shared:
        assert http == file(made.desired("app", host), HTTP).content


@pytest.mark.parametrize(
    ("port", "told", "logged"),
    [("8000", "192.0.2.7, 10.0.0.1", "192.0.2.7"), ("8000", "2001:db8::7", "2001:db8::7"), ("80", "192.0.2.7", None)],
)
def test_an_app_server_logs_the_visitor_and_no_edge_believes_one(port: str, told: str, logged: str | None) -> None:
    shared = {**PLACED, "nginx": ("app-1",), "varnish": ("app-1",)}
    http = file(renderer(placed=shared).desired("app", "app-1"), HTTP).content
    (found,) = (one for one in parse(http).walk() if one.words[0] == "map" and one.words[2] == "$real_client")
    key = found.words[1].replace("$server_port", port).replace("$http_x_forwarded_for", told)
    (given,) = (one for one in found.inside if one.words[0].startswith("~"))
    match = re.search(given.words[0][1:].replace("?<", "?P<"), key)
    assert (match["first"] if match else None) == logged
    assert '"client":"$real_client"' in http


# ------------------------------------------------------------------ what is kept


@pytest.mark.parametrize(
    ("request_", "kept"),
    [
        ("GET:", True),
        ("HEAD:", True),
        ("POST:", False),
        ("GET:Basic x", False),
        ("GET:bytes=0-", False),
        ("GET:1", False),
    ],
)
def test_only_what_is_the_same_for_all_is_looked_up(request_: str, kept: bool) -> None:
    assert chosen("$page_cache", request_) == ("pages" if kept else "off")


@pytest.mark.parametrize(
    ("cookie", "known"),
    [
        ("", ""),
        ("_ga=1", ""),
        ("xsessionid=1", ""),
        ("_ga=sessionid", ""),
        ("sessionid=1", "1"),
        ("a=1; sessionid=1", "1"),
        ("a=1;csrftoken=2", "1"),
    ],
)
def test_a_visitor_is_known_by_the_cookies_varnish_keeps(cookie: str, known: str) -> None:
    assert chosen("$known_visitor", cookie) == known


def test_keys_of_interfaces_say_who_it_is() -> None:
    (key,) = re.findall(r'map "(\S+)" \$page_cache', text())
    assert {"$http_authorization", "$http_x_api_key"} <= set(re.findall(r"\$\w+", key))
    (route,) = re.findall(r'map "(\S+)" \$route', text(bypass=True))
    assert {"$http_authorization", "$http_x_api_key"} <= set(re.findall(r"\$\w+", route))


def test_names_of_cookies_come_from_varnish() -> None:
    settings = {"varnish": {"session_cookies": ["sid"], "cookies": ["my-lang"]}}
    assert "(?:sid|my-lang)=" in file(desired("nginx", "edge-1", settings=settings), SITE).content
    none = {"varnish": {"session_cookies": [], "cookies": []}, "nginx": {"bypass": True}}
    assert "()=" not in file(desired("nginx", "edge-1", settings=none), SITE).content.replace("?:", "")


@pytest.mark.parametrize(
    ("said", "class_"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("zstd;q=1, br;q=0.5, gzip;q=0.1", "br"),
        ("gzip;q=1, br", "br"),
        ("zstd;q=1, br;q=0.5", ""),
        ("br, gzip;q=0", ""),
        ("GZIP", "gzip"),
        ("", ""),
        ("identity", ""),
        ("x-br, x-gzip", ""),
        ("br;q=0, gzip", "gzip"),
        ("br ; q=0.000", ""),
    ],
)
def test_there_are_three_encodings_however_they_are_said(said: str, class_: str) -> None:
    assert chosen("$encoding", said) == class_


def test_varnish_alone_says_what_is_kept_and_how_long() -> None:
    server = site()
    pages = server.find("location", "@pages")
    (ignored,) = pages.own("proxy_ignore_headers")
    assert "X-Accel-Expires" not in ignored
    assert {"Cache-Control", "Expires", "Vary"} <= set(ignored)
    assert "Set-Cookie" not in ignored
    assert not [one for one in pages.walk() if one.words[0] == "proxy_cache_valid"]


def test_nobody_is_shown_an_old_page_while_varnish_answers_and_nobody_waits_in_a_queue() -> None:
    words = text()
    assert "proxy_cache_lock on" not in words
    assert "proxy_cache_background_update" not in words
    (stale,) = site().own("proxy_cache_use_stale")
    assert "updating" not in stale
    assert {"error", "timeout", "http_500", "http_502", "http_503", "http_504"} <= set(stale)


def test_pages_are_kept_for_bad_times_as_long_as_varnish_would() -> None:
    settings = {"varnish": {"grace": 7200}, "nginx": {"pages_disk": "2GiB", "pages_memory": 32}}
    words = file(desired("nginx", "edge-1", settings=settings), SITE).content
    assert "inactive=7200s max_size=2048m" in words
    assert "keys_zone=pages:32m" in words


def test_the_second_layer_can_be_left_out() -> None:
    assert "proxy_cache" not in text(second_layer=False)
    assert load("nginx").memory(renderer()._layout, renderer()._layout.host("edge-1")) == 48


def test_files_with_a_hash_in_their_name_are_kept_for_longer() -> None:
    settings = {"app": {"static_url": "/assets/v1/"}}
    words = file(desired("nginx", "edge-1", settings=settings), SITE).content
    (location,) = (one for one in parse(words).walk() if one.own("proxy_cache_valid"))
    pattern = location.words[2]
    assert re.search(pattern, "/assets/v1/shop.0123456789ab.css")
    assert not re.search(pattern, "/assets/v1/shop.css")
    assert not re.search(pattern, "/media/assets/v1/shop.0123456789ab.css")
    assert location.own("proxy_cache_valid") == [["200", "86400s"]]


# ------------------------------------------------------------------ the ways of a request


@pytest.mark.parametrize(
    ("request_", "way"),
    [
        (":GET:", "pages"),
        (":HEAD:", "pages"),
        (":POST:", "app"),
        (":GET:Token x", "app"),
        (":GET:1", "app"),
        ("websocket:GET:", "live"),
    ],
)
def test_what_can_never_be_kept_may_go_past_varnish(request_: str, way: str) -> None:
    assert chosen("$route", request_, bypass=True) == way


def test_without_the_bypass_all_but_websockets_go_to_varnish() -> None:
    assert chosen("$route", "") == "pages"
    assert chosen("$route", "websocket") == "live"


def test_every_app_host_is_behind_the_bypass_and_one_that_is_drained_sends_back() -> None:
    upstream = parse(text()).find("upstream", "apps")
    assert [words[0] for words in upstream.own("server")] == ["192.0.2.1:8000", "192.0.2.2:8000"]
    for name in ("@app", "@live"):
        assert ["421", "=", "@pages"] in site(bypass=True).find("location", name).own("error_page")


@pytest.mark.parametrize(("said", "passed"), [("websocket", "websocket"), ("WebSocket", "websocket"), ("h2c", "")])
def test_nothing_but_a_websocket_leaves_http(said: str, passed: str) -> None:
    assert chosen("$upstream_upgrade", said) == passed


def test_an_idle_websocket_is_kept_for_an_hour() -> None:
    live = site().find("location", "@live")
    assert live.own("proxy_read_timeout") == live.own("proxy_send_timeout") == [["3600s"]]


@pytest.mark.parametrize(("key", "served"), [("pages:", True), ("off:", False), ("pages:page=2", False)])
def test_prerendered_pages_are_for_visitors_without_a_session_or_a_query(key: str, served: bool) -> None:
    assert chosen("$prerendered", key) == ("/$host$uri/index.html" if served else "/.nothing")


# ------------------------------------------------------------------ limits and maintenance


def test_there_are_no_limits_unless_asked_for() -> None:
    assert "limit_req" not in text()
    assert "limit_conn" not in text()


def test_limits_count_the_client_and_answer_429() -> None:
    words = text(requests_per_second=50, requests_at_once=100, unlimited=["192.0.2.0/24"])
    assert "limit_req_zone $limited zone=requests:10m rate=50r/s;" in words
    assert "limit_req zone=requests burst=200 nodelay;" in words
    assert "limit_conn at_once 100;" in words
    assert "limit_req_status 429;" in words
    options = {"requests_per_second": 50}
    assert chosen("$limited", ":/page", **options) == "$binary_remote_addr"
    assert chosen("$limited", ":/static/a.css", **options) == ""
    assert chosen("$limited", "1:/page", **options) == ""


def test_some_addresses_see_the_site_in_maintenance() -> None:
    closed = parse(text(maintenance_allow=["203.0.113.7"])).find("geo", "$closed_by")
    assert [one.words for one in closed.inside] == [
        ["default", "/var/lib/massive-deploy/maintenance/on"],
        ["203.0.113.7", "/nonexistent"],
    ]


@pytest.mark.parametrize("name", ["503.html", "maintenance.html", "429.html"])
def test_pages_of_nginx_itself_are_not_kept_and_say_when_to_come_again(name: str) -> None:
    location = site().find("location", "=", f"/.massive-deploy/{name}")
    headers = [words[0] for words in location.own("add_header")]
    assert {"Retry-After", "Cache-Control"} <= set(headers)
    assert location.own("internal")
    assert file(desired("nginx", "edge-1"), f"/etc/nginx/massive-deploy/{name}").content.startswith("<!doctype html>")


# ------------------------------------------------------------------ headers


def test_a_header_of_the_project_wins() -> None:
    assert chosen("$own_x_frame_options", "") == "SAMEORIGIN"
    assert chosen("$own_x_frame_options", "DENY") == ""


@pytest.mark.parametrize("value", ["a'; }", "a\nb", "$host", "a\\"])
def test_a_header_cannot_end_its_directive(value: str) -> None:
    with pytest.raises(ValidationError):
        load("nginx").Settings.model_validate({"permissions_policy": value})


def test_the_release_is_told_only_when_asked_for() -> None:
    assert ["X-Release"] in site().own("proxy_hide_header")
    assert ["X-Release"] not in site(expose_release=True).own("proxy_hide_header")


# ------------------------------------------------------------------ agreement with the others


def test_the_largest_body_is_the_same_on_both_sides() -> None:
    options = {"settings": {"app": {"max_body": "64MiB"}}}
    inner = file(desired("app", "app-1", **options), "/etc/nginx/conf.d/app.conf").content
    assert "client_max_body_size 64m;" in file(desired("nginx", "edge-1", **options), SITE).content
    assert "client_max_body_size 64m;" in inner


def test_idle_connections_are_given_up_first() -> None:
    unit = file(desired("varnish", "edge-1"), "/etc/systemd/system/varnish.service.d/massive-deploy.conf").content
    inner = parse(file(desired("app", "app-1"), "/etc/nginx/conf.d/app.conf").content)
    root = parse(text())
    kept = {name: int(root.find("upstream", name).own("keepalive_timeout")[0][0][:-1]) for name in ("varnish", "apps")}
    assert kept["varnish"] < int(re.findall(r"timeout_idle=(\d+)", unit)[0])
    (app,) = (one for one in inner.inside if one.words == ["server"])
    assert kept["apps"] < int(app.own("keepalive_timeout")[0][0][:-1])


def test_a_new_site_is_a_reload() -> None:
    nginx = desired("nginx", "edge-1").units[0]
    assert nginx.reload_on == (HTTP, SITE)
    assert SITE not in nginx.restart_on
