"""Desired state of the release role."""

from __future__ import annotations

import shlex
from pathlib import Path

from massive_deploy import environment
from massive_deploy.desired import Desired, Directory, File, Task
from massive_deploy.view import HostView, Release

SCRIPTS = environment.SCRIPTS
SCRIPT_NAMES = (
    "build-release",
    "check-runtime",
    "collect-static",
    "compress-static",
    "link-static",
    "manage",
    "newer-migrations",
    "note-release",
    "pack-release",
    "reuse-environment",
    "switch-release",
    "unpack-release",
)


def desired(view: HostView) -> Desired:
    """The user, environment and scripts on every app host; the build on the first."""
    user, folders = environment.owner()
    building = view.host.name == view.running("release")[0].name
    build = ("brotli", *view.settings.build_packages) if building else ()
    return Desired(
        packages=("python3", "python3-venv", *view.topology.app.packages, *build),
        users=(user,),
        directories=(
            *folders,
            Directory("/srv/app/.cache", mode=0o700, owner="app", group="app"),
            Directory(environment.PACKED, mode=0o700),
            Directory(environment.NEXT),
            Directory(f"{environment.NEXT}/python"),
        ),
        files=(*environment.files(view, environment.NEXT), *_scripts(view)),
        tasks=_tasks(view, view.release) if building and view.release is not None else (),
    )


def _scripts(view: HostView) -> tuple[File, ...]:
    keep = view.settings_of("app").keep_releases
    words = {
        "keep": keep,
        "slots": environment.static_slots(view),
        "subdirectory": shlex.quote(view.topology.app.subdirectory),
        "index_url": shlex.quote(view.settings.index_url or ""),
        "folder": environment.NEXT,
        "live": environment.FOLDER,
    }
    return tuple(File(f"{SCRIPTS}/{name}", view.render(f"{name}.j2", **words), mode=0o755) for name in SCRIPT_NAMES)


def _tasks(view: HostView, release: Release) -> tuple[Task, ...]:
    return (_build(view, release), *((_pack(view, release),) if len(view.running("release")) > 1 else ()))


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
    archive = f"{environment.PACKED}/{release.id}.tar.gz"
    return Task(
        f"release {release.id} packed for the other app hosts",
        # Due when another host asks for it, and only then.
        observe="echo packed",
        want="packed",
        run=f"{SCRIPTS}/pack-release {release.id}",
        before_units=True,
        fetch=(archive, environment.packed_release(view, release.id)),
    )
