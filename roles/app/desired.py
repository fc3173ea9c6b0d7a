"""Desired state of the app role."""

from __future__ import annotations

import re
import shlex

from massive_deploy import environment
from massive_deploy.desired import DRAIN, Desired, File, Gate, Rolling, Task, Unit, Validator
from massive_deploy.view import HostView

from .sizes import worker_processes, workers

NGINX = "/etc/nginx/nginx.conf"
SITE = "/etc/nginx/conf.d/app.conf"
DROP_IN = "/etc/systemd/system/nginx.service.d/massive-deploy.conf"
GUNICORN = "/etc/massive-deploy/gunicorn.conf.py"
SCRIPTS = environment.SCRIPTS
UNITS = "/etc/systemd/system"


def desired(view: HostView) -> Desired:
    """The release in its place, gunicorn on a unix socket, nginx before it, the worker if there is one."""
    release = view.release.id if view.release is not None else "unreleased"
    user, folders = environment.owner()
    worker = f"{UNITS}/app-worker.service"
    reads = (environment.ENV_FILE, environment.MODULES)
    celery = view.topology.app.worker is not None
    return Desired(
        packages=("nginx", "python3", *view.topology.app.packages),
        users=(user,),
        directories=folders,
        files=(*environment.files(view), *_files(view, release)),
        absent=("/etc/nginx/sites-enabled/default", DRAIN),
        validators=(Validator("nginx -t", 'nginx -t -q -c "$STAGE/etc/nginx/nginx.conf"', ("/etc/nginx/",)),),
        units=(
            Unit("app.socket", restart_on=(f"{UNITS}/app.socket",)),
            Unit("app.service", restart_on=(*reads, GUNICORN, f"{UNITS}/app.service"), also=release),
            *((Unit("app-worker.service", restart_on=(*reads, worker), also=release),) if celery else ()),
            Unit("nginx", restart_on=(DROP_IN,), reload_on=(NGINX, SITE)),
        ),
        tasks=_tasks(view),
        gates=_gates(view, release),
        rolling=Rolling(percent=25, drain_seconds=environment.drain_seconds(view)),
    )


def _files(view: HostView, release: str) -> tuple[File, ...]:
    settings = view.settings
    askers = {host.address for role in ("varnish", "nginx", "monitoring") for host in view.running(role)}
    words = {
        "drain": DRAIN,
        "askers": sorted({*askers, view.host.address}),
        "release": release,
        "of_release": environment.of_release(release),
        "home": f"/srv/app/releases/{release}",
        "subdirectory": view.topology.app.subdirectory.removesuffix("/"),
        "env_file": environment.ENV_FILE,
        "modules": environment.MODULES.rstrip("/"),
        "media": environment.MEDIA,
        "workers": workers(view.host, settings),
        "worker_processes": worker_processes(view.host, settings),
        "health_host": environment.some_host(view),
        "static_pattern": re.escape(settings.static_url).replace(r"\-", "-"),
    }
    celery = (File(f"{UNITS}/app-worker.service", view.render("app-worker.service.j2", **words)),)
    return (
        File(NGINX, view.render("base/nginx.conf.j2")),
        File(DROP_IN, view.render("base/nginx.service.j2")),
        File(SITE, view.render("app.conf.j2", **words)),
        File(GUNICORN, view.render("gunicorn.conf.py.j2", **words)),
        File(f"{UNITS}/app.socket", view.render("app.socket.j2", **words)),
        File(f"{UNITS}/app.service", view.render("app.service.j2", **words)),
        File(f"{SCRIPTS}/unpack-release", view.render("unpack-release.j2"), mode=0o755),
        File(f"{SCRIPTS}/switch-release", view.render("switch-release.j2"), mode=0o755),
        File("/usr/local/bin/manage", view.render("manage.j2"), mode=0o755),
        *(celery if view.topology.app.worker is not None else ()),
    )


def _tasks(view: HostView) -> tuple[Task, ...]:
    if view.release is None:
        return ()
    release = view.release.id
    builder = view.running("app")[0].name == view.host.name
    # The role `release` leaves it there once it is built.
    packed = environment.packed_release(view, release)
    ship = Task(
        f"release {release} shipped",
        observe=f"[ -e /srv/app/releases/{release}/.complete ] && echo shipped || true",
        want="shipped",
        run=f'{SCRIPTS}/unpack-release {release} "$ARTIFACT"',
        before_units=True,
        artifact=packed,
    )
    switch = Task(
        f"release {release} current",
        observe="readlink /srv/app/current || true",
        want=f"releases/{release}",
        run=f"{SCRIPTS}/switch-release {release}",
        before_units=True,
    )
    return (switch,) if builder else (ship, switch)


def _gates(view: HostView, release: str) -> tuple[Gate, ...]:
    nginx = f"curl -sS --max-time 5 http://{view.host.address}:8000/.massive-deploy/release"
    # Not through nginx: while the host is drained, its health checks fail on purpose.
    host = shlex.quote(f"Host: {environment.some_host(view)}")
    path = shlex.quote(f"http://localhost{view.topology.app.health}")
    asked = (
        f"curl -sS --max-time 10 -o /dev/null -w '%{{http_code}}' --unix-socket /run/app/gunicorn.sock -H {host} {path}"
    )
    answers = f'code=$({asked}) && [ "$code" -ge 100 ] && [ "$code" -lt 500 ]'
    return (
        Gate(f"gunicorn serves release {release}", f'[ "$({nginx})" = {shlex.quote(release)} ]', seconds=60),
        Gate(f"{view.topology.app.health} answers below 500", answers, seconds=60),
    )
