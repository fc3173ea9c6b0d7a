"""Desired state of the release role."""

from __future__ import annotations

import shlex
from pathlib import Path

from massive_deploy import environment
from massive_deploy.desired import Desired, Directory, File, Task
from massive_deploy.view import HostView, Release

SCRIPTS = environment.SCRIPTS
PACKED = "/srv/app/packed"
MIGRATED = "/var/lib/massive-deploy/migrated"


def desired(view: HostView) -> Desired:
    """The user, environment and scripts on every app host; the build and the migrations on the first."""
    user, folders = environment.owner()
    building = view.host.name == view.running("release")[0].name
    build = tuple(view.settings.build_packages) if building else ()
    return Desired(
        packages=("python3", "python3-venv", *view.topology.app.packages, *build),
        users=(user,),
        directories=(
            *folders,
            Directory("/srv/app/.cache", mode=0o700, owner="app", group="app"),
            Directory(PACKED, mode=0o700),
        ),
        files=(*environment.files(view), *_scripts(view)),
        tasks=_tasks(view, view.release) if building and view.release is not None else (),
    )


def _scripts(view: HostView) -> tuple[File, ...]:
    names = ("build-release", "collect-static", "pack-release", "manage")
    words = {
        "subdirectory": shlex.quote(view.topology.app.subdirectory),
        "index_url": shlex.quote(view.settings.index_url or ""),
        "env_file": environment.ENV_FILE,
        "modules": environment.MODULES.rstrip("/"),
    }
    return tuple(File(f"{SCRIPTS}/{name}", view.render(f"{name}.j2", **words), mode=0o755) for name in names)


def _tasks(view: HostView, release: Release) -> tuple[Task, ...]:
    return (
        _build(view, release),
        *((_pack(view, release),) if len(view.running("release")) > 1 else ()),
        *(_migrate(view, release) if view.topology.app.migrate else ()),
    )


def _build(view: HostView, release: Release) -> Task:
    return Task(
        f"release {release.id} built",
        observe=f"[ -e /srv/app/releases/{release.id}/.complete ] && echo built || true",
        want="built",
        run=f'{SCRIPTS}/build-release {release.id} "$ARTIFACT"',
        before_units=True,
        timeout=view.settings.build_timeout,
        artifact=Path(release.archive),
    )


def _pack(view: HostView, release: Release) -> Task:
    archive = f"{PACKED}/{release.id}.tar.gz"
    return Task(
        f"release {release.id} packed for the other app hosts",
        observe=f"[ -e {archive} ] && echo packed || true",
        want="packed",
        run=f"{SCRIPTS}/pack-release {release.id}",
        before_units=True,
        fetch=(archive, environment.packed_release(view, release.id)),
    )


def _migrate(view: HostView, release: Release) -> tuple[Task, ...]:
    clusters = {cluster.number: cluster.name for cluster in view.layout.clusters}
    aliases = [alias for alias in view.layout.aliases if alias.writable]
    want = " ".join([release.id, *(f"{alias.name}@{clusters[alias.cluster]}" for alias in aliases)])
    steps = [f"{SCRIPTS}/manage {release.id} migrate --noinput --database={alias.name}" for alias in aliases]
    run = " && ".join([*steps, f"echo {shlex.quote(want)} > {MIGRATED}"])
    observe = f"cat {MIGRATED} 2>/dev/null || true"
    timeout = view.settings.migrate_timeout
    return (Task("migrations applied", observe, want, run, before_units=True, timeout=timeout),)
