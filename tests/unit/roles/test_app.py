from __future__ import annotations

import logging
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from massive_deploy.desired import DRAIN, DRAINED
from massive_deploy.environment import variables
from massive_deploy.view import Release

from .web_stack import PLACED, RELEASE, desired, file, load, renderer, view

UNITS = "/etc/systemd/system"
GUNICORN = "/etc/massive-deploy/gunicorn.conf.py"


def test_the_first_host_has_the_release_and_the_others_are_sent_it() -> None:
    first, second = desired("app", "app-1"), desired("app", "app-2")
    assert [task.name for task in first.tasks] == ["migrations applied", f"release {RELEASE.id} current"]
    ship, switch = second.tasks
    assert ship.artifact is not None
    assert ship.artifact.name == f"{RELEASE.id}.tar.gz"
    assert switch == first.tasks[1]
    assert switch.before_units


def test_it_is_everywhere_before_migrations_and_these_before_the_first_switch() -> None:
    migrate, switch = desired("app", "app-1").tasks
    assert (desired("app", "app-2").tasks[0].ahead, migrate.ahead, switch.ahead) == (1, 2, 0)


def test_every_writable_database_is_migrated() -> None:
    migrate, _ = desired("app", "app-1", shards=2).tasks
    assert migrate.want == f"{RELEASE.id} default@trial-1 shard1@trial-1 shard2@trial-2"
    assert migrate.run.count(" migrate --noinput --database=") == 3
    assert "replica" not in migrate.run


def test_a_kept_release_migrates_only_databases_that_never_were(tmp_path: Path) -> None:
    migrate, _ = desired("app", "app-1", release=replace(RELEASE, kept=True)).tasks
    file = tmp_path / "migrated"
    file.write_text("ba9876543210 default@trial-1\n", encoding="ascii")
    observe = migrate.observe.replace("/var/lib/massive-deploy/migrated", str(file))
    done = subprocess.run(["sh", "-c", observe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == migrate.want == "default@trial-1"


def test_a_release_that_a_host_goes_back_to_is_not_migrated_again(tmp_path: Path) -> None:
    first, second = (
        desired("app", "app-1", release=replace(RELEASE, id=name)).tasks[0] for name in ("a" * 12, "b" * 12)
    )

    def shell(line: str) -> str:
        words = re.sub(r"\S+/manage \S+ migrate \S+ \S+", "true", line)
        words = words.replace("/var/lib/massive-deploy/migrated", str(tmp_path / "migrated"))
        return subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=True).stdout.strip()

    assert shell(first.observe) != first.want
    shell(first.run)
    assert (shell(first.observe), shell(second.observe)) == (first.want, first.want)
    shell(second.run)
    assert (shell(first.observe), shell(second.observe)) == (first.want, second.want)


def test_migrations_may_be_left_out() -> None:
    tasks = desired("app", "app-1", app={"migrate": False}).tasks
    assert all("migrat" not in task.name for task in tasks)


def test_it_is_shipped_from_where_the_build_left_it() -> None:
    _, pack = desired("release", "app-1").tasks
    assert pack.fetch is not None
    assert desired("app", "app-2").tasks[0].artifact == pack.fetch[1]


def test_a_new_release_restarts_gunicorn_and_not_its_socket_or_nginx() -> None:
    old = desired("app", "app-1")
    new = desired("app", "app-1", release=Release("ba9876543210", "/x"))
    changed = {
        unit.name for unit, later in zip(old.units, new.units, strict=True)
        if (old.restart_fingerprint(unit), old.reload_fingerprint(unit))
        != (new.restart_fingerprint(later), new.reload_fingerprint(later))
    }  # fmt: skip
    assert changed == {"app.service"}


def test_a_new_variable_restarts_gunicorn() -> None:
    old, new = desired("app", "app-1"), desired("app", "app-1", app={"environment": {"COLOUR": "green"}})
    (before,), (after,) = ([u for u in w.units if u.name == "app.service"] for w in (old, new))
    assert old.restart_fingerprint(before) != new.restart_fingerprint(after)


@pytest.mark.parametrize(("memory_mb", "workers"), [(512, 1), (1024, 2), (64 * 1024, 2)])
def test_workers_follow_cpus_and_memory(memory_mb: int, workers: int) -> None:
    config = file(desired("app", "app-1", memory_mb=memory_mb), "/etc/massive-deploy/gunicorn.conf.py").content
    assert f"\nworkers = {workers}\n" in config
    compile(config, "gunicorn.conf.py", "exec")


def test_idle_times_fall_from_hop_to_hop() -> None:
    """The side that opens a connection gives it up first, or requests are sent into closing ones."""
    wanted = desired("app", "app-1")
    site = file(wanted, "/etc/nginx/conf.d/app.conf").content
    upstream, server = (int(word) for word in re.findall(r"keepalive_timeout (\d+)s", site))
    gunicorn = file(wanted, "/etc/massive-deploy/gunicorn.conf.py").content
    kept = int(re.findall(r"keepalive = (\d+)", gunicorn)[0])
    graceful = int(re.findall(r"graceful_timeout = (\d+)", gunicorn)[0])
    varnish = file(desired("varnish", "edge-1"), f"{UNITS}/varnish.service.d/massive-deploy.conf").content
    assert upstream < kept < graceful
    assert int(re.findall(r"backend_idle_timeout=(\d+)", varnish)[0]) < server


def test_the_worker_is_there_only_when_wanted() -> None:
    assert "app-worker.service" not in [unit.name for unit in desired("app", "app-1").units]
    wanted = desired("app", "app-1", app={"worker": "shop"})
    assert "app-worker.service" in [unit.name for unit in wanted.units]
    assert "celery --app shop worker" in file(wanted, f"{UNITS}/app-worker.service").content


def test_every_location_names_all_its_proxy_headers() -> None:
    """nginx drops every inherited header as soon as a location names one."""
    site = file(desired("app", "app-1"), "/etc/nginx/conf.d/app.conf").content
    for location in re.findall(r"location [^{]+\{(.*?)\n    \}", site, re.DOTALL):
        if "proxy_pass" in location:
            named = set(re.findall(r"proxy_set_header (\S+)", location))
            assert {"Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "X-Request-ID"} <= named


def test_whatever_the_project_answers_below_500_is_healthy_for_the_cache() -> None:
    site = file(desired("app", "app-1"), "/etc/nginx/conf.d/app.conf").content
    health = site[site.index("location = /.massive-deploy/health") :]
    (codes,) = re.findall(r"error_page ([\d ]+) =200 ", health)
    assert {301, 302, 400, 401, 404, 406, 409, 426, 429, 451} <= {int(code) for code in codes.split()}
    # The others of success become 200 in massive_wsgi; no visitor may ask for that.
    assert re.findall(r"X-Stack-Probe (\S+);", site) == ["yes", '""']


@pytest.mark.parametrize(
    ("said", "probed", "got"),
    [
        ("204 No Content", True, "200 OK"),
        ("204 No Content", False, "204 No Content"),
        ("503 Service Unavailable", True, "503 Service Unavailable"),
        ("301 Moved Permanently", True, "301 Moved Permanently"),
    ],
)
def test_a_probe_gets_200_for_any_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, probed: bool, got: str
) -> None:
    code = f"def application(environ, start_response):\n    start_response({said!r}, [])\n    return []\n"
    (tmp_path / "probed_site.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "probed_site", raising=False)
    monkeypatch.setenv("PROJECT_WSGI_MODULE", "probed_site")
    module: dict[str, Any] = {}
    code = file(desired("app", "app-1"), "/etc/massive-deploy/python/massive_wsgi.py").content
    exec(code, module)  # noqa: S102 - our own template
    found: list[str] = []
    environ = {"PATH_INFO": "/", **({"HTTP_X_STACK_PROBE": "yes"} if probed else {})}
    module["application"](environ, lambda status, _: found.append(status))
    assert found == [got]


def test_both_nginx_roles_agree_on_the_main_file() -> None:
    both = {**dict.fromkeys(("app", "release", "nginx", "varnish"), ("one",))}
    app, edge = (desired(role, "one", placed=both) for role in ("app", "nginx"))
    for path in ("/etc/nginx/nginx.conf", f"{UNITS}/nginx.service.d/massive-deploy.conf"):
        assert file(app, path) == file(edge, path)


def test_scripts_are_valid_shell() -> None:
    for one in desired("app", "app-1").files:
        if one.content.startswith("#!/bin/sh"):
            assert subprocess.run(["sh", "-n"], input=one.content, text=True, check=False).returncode == 0


def test_a_host_goes_back_to_the_links_it_had() -> None:
    rolling = desired("app", "app-1").rolling
    assert rolling is not None
    assert rolling.back is not None
    called = 'f() { printf "%s|" "$@"; }; KEPT="releases/a -"; '
    script = called + rolling.back.restore.replace("/usr/local/lib/massive-deploy/switch-release", "f")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "--back|releases/a|-|"


@pytest.mark.parametrize(("code", "healthy"), [("200", True), ("404", True), ("503", False), ("000", False)])
def test_the_health_path_is_healthy_below_500(tmp_path: Path, code: str, healthy: bool) -> None:
    curl = tmp_path / "curl"
    curl.write_text(f"#!/bin/sh\nprintf {code}\n", encoding="ascii")
    curl.chmod(0o755)
    gate = desired("app", "app-1").gates[1]
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", gate.command], env=path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == healthy
    assert healthy or f"/ answers {code}" in done.stdout


def times(pattern: str, text: str) -> list[int]:
    found = [int(word) for word in re.findall(pattern, text)]
    assert found, pattern
    return found


def test_time_outs_grow_from_the_project_outward() -> None:
    """As the files of every hop say: who is nearer to the project gives up first."""
    app, varnish, edge = desired("app", "app-1"), desired("varnish", "edge-1"), desired("nginx", "edge-1")
    gunicorn = file(app, "/etc/massive-deploy/gunicorn.conf.py").content
    unit = file(app, f"{UNITS}/app.service").content
    site = file(app, "/etc/nginx/conf.d/app.conf").content
    vcl = "".join(one.content for one in varnish.files if one.path.endswith(".vcl"))
    pages = "".join(one.content for one in edge.files if one.path.startswith("/etc/nginx/"))
    hops = [
        times(r"\ntimeout = (\d+)", gunicorn),
        times(r"proxy_read_timeout (\d+)s", site),
        times(r"\.first_byte_timeout = (\d+)s", vcl),
        times(r"proxy_read_timeout (\d+)s", pages),
    ]
    for inner, outer in pairwise(hops):
        assert max(inner) < min(outer)
    assert times(r"graceful_timeout = (\d+)", gunicorn) < times(r"TimeoutStopSec=(\d+)", unit)


def test_a_topology_that_breaks_their_order_does_not_fit() -> None:
    sums = load("app").sums  # type: ignore[attr-defined]
    assert all(one.fits for one in sums(view("app", "app-1").layout))
    (wrong,) = (one for one in sums(view("app", "app-1", settings={"app": {"timeout": 63}}).layout) if not one.fits)
    assert (wrong.role, wrong.total, wrong.limit) == ("varnish", 66, 65)
    (wrong,) = (
        one for one in sums(view("app", "app-1", settings={"varnish": {"first_byte_timeout": 80}}).layout)
        if not one.fits
    )  # fmt: skip
    assert (wrong.role, wrong.total, wrong.limit) == ("nginx", 81, 70)


def test_a_process_that_grew_too_large_is_replaced_after_its_requests() -> None:
    config = file(desired("app", "app-1", settings={"app": {"max_worker_memory": 100}}), GUNICORN).content
    names: dict[str, Any] = {}
    exec(config, names)  # noqa: S102 - our own template

    class Worker:
        nr, alive = 32, True
        log = logging.getLogger("gunicorn")

    small, large, rarely = Worker(), Worker(), Worker()
    rarely.nr = 33
    for worker, size in ((small, 100), (large, 101), (rarely, 101)):
        names["_resident_mb"] = lambda size=size: size
        names["post_request"](worker, None, None, None)
    assert (small.alive, large.alive, rarely.alive) == (True, False, True)


def test_a_cdn_goes_before_the_path_of_static_files() -> None:
    plain = variables(view("app", "app-1"))
    assert (plain["STATIC_URL"], plain["PRIVATE_ROOT"], plain["X_ACCEL_PREFIX"]) == (
        "/static/", "/srv/app/private", "/_protected/",
    )  # fmt: skip
    with_cdn = view("app", "app-1", settings={"app": {"cdn": "https://cdn.example.com/"}})
    assert variables(with_cdn)["STATIC_URL"] == "https://cdn.example.com/static/"


def test_a_drained_host_is_known_by_either_mark() -> None:
    site = file(desired("app", "app-1"), "/etc/nginx/conf.d/app.conf").content
    for mark in (DRAIN, DRAINED):
        assert f"if (-e {mark})" in site
    # The mark by hand is not the role's to remove.
    assert DRAINED not in desired("app", "app-1").absent


def test_memory_grows_with_the_celery_worker() -> None:
    plain, with_worker = view("app", "app-1"), view("app", "app-1", app={"worker": "shop"})
    memory = load("app").memory  # type: ignore[attr-defined]
    assert memory(plain.layout, plain.host) < memory(with_worker.layout, with_worker.host) < 512


def test_connections_end_soon_where_pgpool_is_the_pooler() -> None:
    unit = file(desired("app", "app-1"), f"{UNITS}/app.service").content
    assert "DATABASE_POOL=1 DATABASE_POOL_SIZE=50" in unit
    assert "DATABASE_POOL_LIFETIME" not in unit
    made = renderer(placed={**PLACED, "pgpool": ("app-1",), "postgresql": ("db-1",)}, pooler="pgpool")
    unit = file(made.desired("app", "app-1"), f"{UNITS}/app.service").content
    # 64 sessions, of which 4 are left to others: 2 processes with 2 aliases each share the rest.
    assert "DATABASE_POOL=1 DATABASE_POOL_SIZE=15" in unit
    assert "DATABASE_POOL_LIFETIME=30" in unit
