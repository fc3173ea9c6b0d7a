from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from massive_deploy import roles
from massive_deploy.desired import Desired

from .web_stack import PLACED, desired, file, renderer, view

UNIT = "/etc/systemd/system/varnish.service.d/massive-deploy.conf"


def vcl(name: str = "", **options: object) -> str:
    """One file of the program, or the whole of it."""
    wanted: Desired = desired("varnish", "edge-1", **options)
    texts = {one.path: one.content for one in wanted.files if one.path.endswith(".vcl")}
    return texts[f"/etc/varnish/massive/{name}.vcl"] if name else "".join(texts.values())


def test_every_app_host_is_a_backend() -> None:
    assert re.findall(r"^backend (\w+) \{\n    \.host = \"([\d.]+)\"", vcl("backends"), re.MULTILINE) == [
        ("app_app_1", "192.0.2.1"),
        ("app_app_2", "192.0.2.2"),
    ]


def test_the_program_is_in_small_files_all_of_them_included() -> None:
    files = [one for one in desired("varnish", "edge-1").files if one.path.endswith(".vcl")]
    assert max(one.content.count("\n") for one in files) < 130
    main = file(desired("varnish", "edge-1"), "/etc/varnish/default.vcl").content
    included = re.findall(r'^include "\./(.*)";$', main, re.MULTILINE)
    assert sorted(f"/etc/varnish/{name}" for name in [*included, "default.vcl"]) == sorted(one.path for one in files)


@pytest.mark.parametrize(
    "change", [{"settings": {"varnish": {"grace": 60}}}, {"placed": {**PLACED, "app": ("app-1",)}}]
)
def test_another_program_means_a_reload_and_no_restart(change: dict[str, object]) -> None:
    """A restart would empty the cache."""
    before, after = desired("varnish", "edge-1"), desired("varnish", "edge-1", **change)
    unit = before.units[0]
    assert before.restart_fingerprint(unit) == after.restart_fingerprint(unit)
    assert before.reload_fingerprint(unit) != after.reload_fingerprint(unit)


def test_every_vcl_file_is_reloaded_and_compiled_before_it_goes_live() -> None:
    wanted = desired("varnish", "edge-1")
    paths = {one.path for one in wanted.files if one.path.endswith(".vcl")}
    assert {one.path for one in wanted.matching(wanted.units[0].reload_on)} == paths
    assert {one.path for one in wanted.matching(wanted.validators[0].paths)} == paths


def test_session_cookies_pass_and_the_allow_list_is_kept() -> None:
    text = vcl(settings={"varnish": {"session_cookies": ["sid"], "cookies": ["my-lang", "csrftoken"]}})
    assert r'req.http.Cookie ~ "(^|;)\s*(sid)\s*="' in text
    assert 'cookie.keep("my-lang,csrftoken")' in text


def test_the_cookie_of_those_who_wrote_comes_through_where_replicas_are_read() -> None:
    assert 'cookie.keep("csrftoken,massive_pin")' in vcl(reads={"apps": ["orders"]})
    assert "massive_pin" not in vcl()
    site = desired("nginx", "edge-1", reads={"apps": ["orders"]})
    assert "csrftoken|massive_pin)=" in file(site, "/etc/nginx/conf.d/edge.conf").content


def test_lists_may_be_empty() -> None:
    names = ("session_cookies", "cookies", "private_headers", "drop_query", "languages")
    text = vcl(settings={"varnish": {name: [] for name in names}})
    assert "()" not in re.sub(r"\w+\(\)", "", text)
    assert "(?:)" not in text


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("private_headers", 'X") { return (pass); }'),
        ("cookies", "a b"),
        ("drop_query", "a|b"),
        ("drop_query", "*"),
        ("languages", 'en"'),
    ],
)
def test_a_setting_cannot_write_vcl(setting: str, value: str) -> None:
    with pytest.raises(ValidationError):
        roles.load("varnish").Settings.model_validate({setting: [value]})


def test_query_parameters_are_names_and_beginnings_of_names() -> None:
    (pattern,) = re.findall(r"\(\?:(.*?)\)\(\?:=", vcl(settings={"varnish": {"drop_query": ["utm_*", "f[]", "a.b"]}}))
    assert [name for name in ("utm_x", "f[]", "a.b", "axb", "xutm_", "f") if re.fullmatch(pattern, name)] == [
        "utm_x",
        "f[]",
        "a.b",
    ]


def test_several_lines_of_one_header_are_read_together() -> None:
    """nginx adds a Vary line of its own; Django's `Vary: Cookie` is then the second."""
    text = vcl("keep")
    assert text.index("std.collect(beresp.http.Vary)") < text.index("beresp.http.Vary ~")


def test_only_app_hosts_and_caches_may_purge() -> None:
    (acl,) = re.findall(r"acl purgers \{(.*?)\}", vcl("purge"), re.DOTALL)
    assert re.findall(r'"([\d.]+)"', acl) == ["192.0.2.1", "192.0.2.2", "192.0.2.4"]


def test_it_listens_on_the_network_for_purges_alone() -> None:
    unit = file(desired("varnish", "edge-1"), UNIT).content
    assert re.findall(r"-a (\S+?)[, ]", unit) == [
        "edge=/run/varnish/http.sock",
        "loopback=127.0.0.1:6081",
        f"purge={view('varnish', 'edge-1').host.address}:6083",
    ]


def test_app_hosts_are_told_where_to_purge() -> None:
    environment = file(desired("app", "app-1"), "/etc/massive-deploy/app.env").content
    assert 'CACHE_PURGE_URLS="http://192.0.2.4:6083"\n' in environment


def test_a_users_own_vcl_and_page_take_the_place_of_ours(tmp_path: Path) -> None:
    own = tmp_path / "templates/varnish"
    (own / "hooks").mkdir(parents=True)
    (own / "hooks/recv.vcl").write_text("sub user_recv {\n    # of {{ view.layout.name }}\n}\n", encoding="utf-8")
    (own / "503.html").write_text("<h1>Our shop sleeps</h1>\n", encoding="utf-8")
    wanted = renderer(root=tmp_path).desired("varnish", "edge-1")
    assert "# of trial" in file(wanted, "/etc/varnish/user/recv.vcl").content
    assert "Our shop sleeps" in file(wanted, "/etc/varnish/massive/errors.vcl").content
    assert "user_hash" in file(wanted, "/etc/varnish/user/hash.vcl").content


def test_the_page_for_bad_times_may_hold_any_text() -> None:
    from massive_deploy.roles import varnish

    literal = varnish.vcl.literal
    assert literal("a") == '{"a"}'
    text = literal('x = {"a": "b"}\n')
    # What VCL reads: parts from {" to the next "}, joined by plus signs.
    assert "".join(re.findall(r'\{"(.*?)"\}', text, re.DOTALL)) == 'x = {"a": "b"}\n'
    assert re.sub(r'\{".*?"\}', "", text, flags=re.DOTALL) == " + "


def test_connections_to_hosts_that_are_gone_cost_less_than_a_second() -> None:
    (milliseconds,) = re.findall(r"\.connect_timeout = (\d+)ms;", vcl("backends").partition("app_app_2")[0])
    assert 2 * int(milliseconds) < 1000
