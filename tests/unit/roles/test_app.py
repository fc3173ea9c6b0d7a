from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from massive_deploy.view import Release

from .web_stack import RELEASE, desired, file, load, view

UNITS = "/etc/systemd/system"


def test_the_first_host_has_the_release_and_the_others_are_sent_it() -> None:
    first, second = desired("app", "app-1"), desired("app", "app-2")
    assert [task.name for task in first.tasks] == [f"release {RELEASE.id} current"]
    ship, switch = second.tasks
    assert ship.artifact is not None
    assert ship.artifact.name == f"{RELEASE.id}.tar.gz"
    assert switch == first.tasks[0]
    assert all(task.before_units for task in second.tasks)


def test_it_is_shipped_from_where_the_build_left_it() -> None:
    _, pack, _ = desired("release", "app-1").tasks
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


def test_both_nginx_roles_agree_on_the_main_file() -> None:
    both = {**dict.fromkeys(("app", "release", "nginx", "varnish"), ("one",))}
    app, edge = (desired(role, "one", placed=both) for role in ("app", "nginx"))
    for path in ("/etc/nginx/nginx.conf", f"{UNITS}/nginx.service.d/massive-deploy.conf"):
        assert file(app, path) == file(edge, path)


def test_scripts_are_valid_shell() -> None:
    for one in desired("app", "app-1").files:
        if one.content.startswith("#!/bin/sh"):
            assert subprocess.run(["sh", "-n"], input=one.content, text=True, check=False).returncode == 0


def test_switching_keeps_the_newest_releases(tmp_path: Path) -> None:
    script = file(desired("app", "app-1"), "/usr/local/lib/massive-deploy/switch-release").content
    script = script.replace("/srv/app", str(tmp_path))
    for number in range(1, 6):
        folder = tmp_path / "releases" / f"r{number}"
        folder.mkdir(parents=True)
        (folder / ".complete").touch()
        # Several switches in one second still have an order.
        stamp = "r" + str(number)
        subprocess.run(["sh", "-c", script, "switch-release", stamp], check=True)
        subprocess.run(["touch", "-d", f"2024-01-01 00:00:0{number}", str(folder)], check=True)
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == ["r3", "r4", "r5"]
    assert str((tmp_path / "current").readlink()) == "releases/r5"
    assert str((tmp_path / "previous").readlink()) == "releases/r4"


def test_memory_grows_with_the_celery_worker() -> None:
    plain, with_worker = view("app", "app-1"), view("app", "app-1", app={"worker": "shop"})
    memory = load("app").memory  # type: ignore[attr-defined]
    assert memory(plain.layout, plain.host) < memory(with_worker.layout, with_worker.host) < 512
