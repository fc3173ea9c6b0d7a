"""Desired state of the app role."""

from __future__ import annotations

import re
import shlex

from massive_deploy import environment
from massive_deploy.desired import DRAIN, DRAINED, Back, Desired, File, Gate, Rolling, Task, Unit, Validator
from massive_deploy.last_words import last_words
from massive_deploy.view import HostView, Release

from .sizes import memory_max, pool_size, worker_processes, workers
from .timeouts import read_timeout

NGINX = "/etc/nginx/nginx.conf"
SITE = "/etc/nginx/conf.d/app.conf"
DROP_IN = "/etc/systemd/system/nginx.service.d/massive-deploy.conf"
GUNICORN = "/etc/massive-deploy/gunicorn.conf.py"
SCRIPTS = environment.SCRIPTS
MIGRATED = "/var/lib/massive-deploy/migrated"
SOCKET = "/run/app/gunicorn.sock"
MODULES = ("libnginx-mod-http-brotli-filter", "libnginx-mod-http-brotli-static")
UNITS = "/etc/systemd/system"


def desired(view: HostView) -> Desired:
    """The release in its place, gunicorn on a unix socket, nginx before it, the worker if there is one."""
    release = view.release.id if view.release is not None else "unreleased"
    user, folders = environment.owner()
    worker = f"{UNITS}/app-worker.service"
    reads = (environment.ENV_FILE, environment.MODULES)
    celery = view.topology.app.worker is not None
    return Desired(
        packages=("nginx", *MODULES, "iproute2", "python3", *view.topology.app.packages),
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
        rolling=_rolling(view),
    )


def _files(view: HostView, release: str) -> tuple[File, ...]:
    settings = view.settings
    askers = {host.address for role in ("varnish", "nginx", "monitoring") for host in view.running(role)}
    words = {
        "drains": (DRAIN, DRAINED),
        "askers": sorted({*askers, view.host.address}),
        "release": release,
        "of_release": environment.of_release(release),
        "home": f"/srv/app/releases/{release}",
        "subdirectory": view.topology.app.subdirectory.removesuffix("/"),
        "env_file": environment.ENV_FILE,
        "modules": environment.MODULES.rstrip("/"),
        "media": environment.MEDIA,
        "private": environment.PRIVATE,
        "slots": environment.static_slots(view),
        "read_timeout": read_timeout(settings),
        "memory_max": memory_max(view.host, settings),
        "workers": workers(view.host, settings),
        "pool_size": pool_size(view.layout, view.host),
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
        artifact=packed,
        ahead=1,
    )
    switch = Task(
        f"release {release} current",
        observe="readlink /srv/app/current || true",
        want=f"releases/{release}",
        run=shlex.join([f"{SCRIPTS}/switch-release", release, view.release.ref, view.release.commit]),
        before_units=True,
    )
    if not builder:
        return (ship, switch)
    return (*(_migrate(view, view.release) if view.topology.app.migrate else ()), switch)


def _migrate(view: HostView, release: Release) -> tuple[Task, ...]:
    """Once per release, when all hosts have it and none has started it. A kept one migrates new databases only."""
    clusters = {cluster.number: cluster.name for cluster in view.layout.clusters}
    # A logical shard brings its tables along when it moves: where it is does not matter here.
    aliases = [alias for alias in view.layout.aliases if alias.writable and not alias.shard]
    databases = " ".join(f"{alias.name}@{clusters[alias.cluster]}" for alias in aliases)
    steps = [f"{SCRIPTS}/manage {release.id} migrate --noinput --database={alias.name}" for alias in aliases]
    if view.layout.shards:
        common = sharding.common if (sharding := view.topology.sharding) is not None else []
        databases += f" {len(view.layout.shards)}-shards" + "".join(f" common:{label}" for label in common)
        steps += [f"{SCRIPTS}/manage {release.id} {command}" for command in ("publish_common", "migrate_shards")]
    want = f"{release.id} {databases}"
    # A line for each release: one that a host goes back to was migrated before.
    note = f"{{ cat {MIGRATED} 2>/dev/null || true; echo {shlex.quote(want)}; }} | tail -n 50 > {MIGRATED}.new"
    run = " && ".join([*steps, note, f"mv {MIGRATED}.new {MIGRATED}"])
    wanted = databases if release.kept else want
    last = f"tail -n 1 {MIGRATED}"
    lines = f"cut -d ' ' -f 2- {MIGRATED}" if release.kept else f"cat {MIGRATED}"
    return (
        Task(
            "migrations applied",
            observe=f"{{ {lines} | grep -xF -m 1 -e {shlex.quote(wanted)} || {last}; }} 2>/dev/null || true",
            want=wanted,
            run=run,
            timeout=view.settings_of("release").migrate_timeout,
            ahead=2,
        ),
    )


def _rolling(view: HostView) -> Rolling:
    script = shlex.quote(f"{SCRIPTS}/switch-release")
    serves = f'[ "releases/$({_asks_release(view)})" = "$(readlink /srv/app/current)" ]'
    back = Back(
        keep='echo "$(readlink /srv/app/current || echo -) $(readlink /srv/app/previous || echo -)"',
        restore=f'{script} --back "${{KEPT% *}}" "${{KEPT#* }}"',
        healthy=f"{serves} && {_answers(view)}",
    )
    return Rolling(
        percent=25,
        drain_seconds=environment.drain_seconds(view),
        # nginx gives up idle connections after 2 s: what is left then are requests.
        idle=f'[ -z "$(ss -Hx state connected src {SOCKET})" ]',
        idle_seconds=view.settings.graceful_timeout,
        back=back,
    )


def _gates(view: HostView, release: str) -> tuple[Gate, ...]:
    said = last_words("app.service")
    crashes = '[ "$(systemctl show -p NRestarts --value app.service)" -ge 2 ]'
    served = f'[ "$({_asks_release(view)})" = {shlex.quote(release)} ]'
    return (
        Gate(f"gunicorn serves release {release}", served, seconds=60, why=said, hopeless=crashes),
        Gate(f"{view.topology.app.health} answers below 500", _answers(view), seconds=30, why=said),
    )


def _asks_release(view: HostView) -> str:
    return f"curl -sS --max-time 5 http://{view.host.address}:8000/.massive-deploy/release"


def _answers(view: HostView) -> str:
    """Succeeds when the project's health path answers below 500; says what it answers otherwise."""
    # Not through nginx: while the host is drained, its health checks fail on purpose.
    host = shlex.quote(f"Host: {environment.some_host(view)}")
    path = shlex.quote(f"http://localhost{view.topology.app.health}")
    asked = f"curl -sS --max-time 10 -o /dev/null -w '%{{http_code}}' --unix-socket {SOCKET} -H {host} {path}"
    bad = f'echo {shlex.quote(view.topology.app.health)} "answers $code"; false'
    return f'code=$({asked}) && {{ {{ [ "$code" -ge 100 ] && [ "$code" -lt 500 ]; }} || {{ {bad}; }}; }}'
