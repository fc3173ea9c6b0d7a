"""Checks of the app role."""

from __future__ import annotations

import re
from typing import Any

from massive_deploy.view import HostView

STATIC = "/srv/app/current/static"


def _get(host: Any, view: HostView, path: str) -> tuple[int, str]:
    url = f"http://{view.host.address}:8000{path}"
    answer = str(host.check_output("curl -sS --max-time 10 -o /dev/null -D- %s", url))
    return int(answer.split()[1]), answer.lower()


def check_gunicorn_and_nginx_run_and_start_at_boot(host: Any, view: HostView) -> None:  # noqa: ARG001
    """All units are active and enabled."""
    for name in ("app.socket", "app.service", "nginx"):
        assert host.service(name).is_running, name
        assert host.service(name).is_enabled, name


def check_worker_runs_when_there_is_one(host: Any, view: HostView) -> None:
    """The Celery worker is active and enabled."""
    if view.topology.app.worker is not None:
        assert host.service("app-worker.service").is_running
        assert host.service("app-worker.service").is_enabled


def check_gunicorn_uses_gevent(host: Any, view: HostView) -> None:  # noqa: ARG001
    """The worker class is the one that waits for many requests at once."""
    assert host.file("/etc/massive-deploy/gunicorn.conf.py").contains('worker_class = "gevent"')
    assert host.run("/srv/app/current/venv/bin/python -c 'import gevent, psycopg_pool'").rc == 0


def check_the_wanted_release_is_served(host: Any, view: HostView) -> None:
    """The running processes, not only the files, are of this release."""
    if view.release is None:
        return
    url = f"http://{view.host.address}:8000/.massive-deploy/release"
    assert host.check_output("curl -fsS --max-time 5 %s", url) == view.release.id
    assert host.file("/srv/app/current").linked_to == f"/srv/app/releases/{view.release.id}"


def check_the_health_path_answers_below_500(host: Any, view: HostView) -> None:
    """nginx, gunicorn and Django answer together."""
    status, _ = _get(host, view, "/.massive-deploy/health")
    assert status == 200


def check_hashed_static_files_may_be_kept_for_a_year(host: Any, view: HostView) -> None:
    """A file with its digest in its name is immutable; skipped where the project has none."""
    found = host.run("cd %s 2>/dev/null && find . -type f -regex '.*[.][0-9a-f]+[.][a-z]+$' | head -n 50", STATIC)
    hashed = [name[2:] for name in found.stdout.splitlines() if re.search(r"\.[0-9a-f]{8,}\.[^./]+$", name)]
    if hashed:
        status, answer = _get(host, view, view.settings.static_url + hashed[0])
        assert status == 200
        assert "cache-control: public, max-age=31536000, immutable" in answer
        assert "access-control-allow-origin: *" in answer


def check_static_texts_were_compressed_when_they_were_built(host: Any, view: HostView) -> None:
    """nginx sends the file as it is kept; skipped where the project has no text long enough."""
    found = host.run("cd %s 2>/dev/null && find . -type f -name '*.css' -size +859c | head -n 3", STATIC)
    for name in found.stdout.split():
        for encoding, ending in (("br", "br"), ("gzip", "gz")):
            assert host.file(f"{STATIC}/{name[2:]}.{ending}").exists
            url = f"http://{view.host.address}:8000{view.settings.static_url}{name[2:]}"
            command = "curl -sS --max-time 10 -o /dev/null -D- -H %s %s"
            answer = str(host.check_output(command, f"Accept-Encoding: {encoding}", url)).lower()
            assert f"content-encoding: {encoding}" in answer


def check_private_files_are_sent_for_django_alone(host: Any, view: HostView) -> None:
    """Nobody gets them by asking for them."""
    status, _ = _get(host, view, view.settings.private_url)
    assert status == 404
    folder = host.file("/srv/app/private")
    assert (folder.user, folder.group, folder.mode) == ("app", "www-data", 0o2750)


def check_memcached_and_redis_are_reached(host: Any, view: HostView) -> None:
    """The caches the project is told of accept connections from here."""
    for node in view.running("memcached"):
        assert host.addr(node.address).port(11211).is_reachable
    for node in view.running("redis"):
        assert host.addr(node.address).port(6379).is_reachable


def check_the_release_belongs_to_root(host: Any, view: HostView) -> None:  # noqa: ARG001
    """The project cannot change its own code."""
    assert host.check_output("stat -Lc %U /srv/app/current/src") == "root"


def check_migrations_are_applied(host: Any, view: HostView) -> None:
    """On the host that runs them, none is left in any writable database."""
    if view.release is None or not view.topology.app.migrate or view.host.name != view.running("release")[0].name:
        return
    manage = "/usr/local/lib/massive-deploy/manage"
    for alias in view.layout.aliases:
        if alias.writable and not alias.shard:
            assert host.run(f"{manage} %s migrate --check --database=%s", view.release.id, alias.name).rc == 0
    if view.layout.shards:
        for command in ("migrate_shards", "publish_common"):
            assert host.run(f"{manage} %s %s --check", view.release.id, command).rc == 0
