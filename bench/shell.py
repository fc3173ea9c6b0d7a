"""The lower bound: the same work as plain shell over OpenSSH, all hosts at once, a barrier between stages.

Nothing is read, compared, validated or recorded. The scripts are made from the rendered desired state beforehand.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from bench.process import Failed
from bench.states import unconditional, waiting
from massive_deploy.desired import Desired, Directory, User
from massive_deploy.engine.fileset import archive
from massive_deploy.operate.prepare import Prepared
from massive_deploy.targets import Ssh

ARTIFACT = "/var/tmp/bench-artifact"  # noqa: S108 - on a host made for the benchmark
# A task that ends so brings nothing about: it only refuses to go on.
REFUSES = "false"
PACKAGES = """
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C NEEDRESTART_SUSPEND=1
get="apt-get -y -q -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0
  -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
{ $get update && $get --no-install-recommends install "$@"; } >/var/log/bench-packages.log 2>&1
rm /usr/sbin/policy-rc.d
"""


Given = TypeVar("Given")


@dataclass(frozen=True, slots=True)
class Stage:
    """Files that go up first, a script for each host, files that come back."""

    scripts: Mapping[str, str]
    up: Mapping[str, Path]
    down: Sequence[tuple[str, str, Path]]


def stages(prepared: Prepared) -> list[Stage]:
    """The packages, then the roles in the tool's own order."""
    packages = {}
    for host, roles in prepared.rendered.items():
        names = sorted({name for wanted in roles.values() for name in wanted.packages})
        packages[host] = f"main() {{\n{PACKAGES}\n}}\nmain {shlex.join(names)} </dev/null\n"
    return [Stage(packages, {}, ()), *(_stage(prepared, generation) for generation in prepared.generations)]


def _stage(prepared: Prepared, generation: Sequence[str]) -> Stage:
    scripts, up, down = {}, {}, []
    for host, roles in prepared.rendered.items():
        mine = [roles[role] for role in roles if role in generation]
        if not mine:
            continue
        body = "\n".join(_role(wanted) for wanted in mine)
        scripts[host] = f"main() {{\nset -eu\nexport ARTIFACT={ARTIFACT}\n{body}\n}}\nmain </dev/null\n"
        for task in (task for wanted in mine for task in wanted.tasks):
            if task.artifact is not None:
                up[host] = task.artifact
            if task.fetch is not None:
                down.append((host, *task.fetch))
    return Stage(scripts, up, down)


def _role(wanted: Desired) -> str:
    lines = [*map(_user, wanted.users), *map(_directory, wanted.directories)]
    if wanted.files:
        packed = archive(wanted.files)
        lines += [f"base64 -d <<'PACKED' | tar -xzp --same-owner --no-overwrite-dir -C /\n{packed}PACKED"]
    if wanted.absent:
        lines.append(f"rm -f -- {shlex.join(wanted.absent)}")
    tasks = [task for task in wanted.tasks if not task.in_turn and not task.run.endswith(REFUSES)]
    lines += [unconditional(task) for task in tasks if task.before_units]
    lines += _units(wanted)
    lines += [unconditional(task) for task in tasks if not task.before_units]
    return "\n".join([*lines, *map(waiting, wanted.gates)])


def _user(user: User) -> str:
    add = ["useradd", "--system", "--user-group", "--home-dir", user.home, "--shell", "/usr/sbin/nologin", user.name]
    join = ["usermod", "--append", "--groups", ",".join(user.groups), user.name]
    made = f"id {shlex.quote(user.name)} >/dev/null 2>&1 || {shlex.join(add)}"
    return f"{made}\n{shlex.join(join)}" if user.groups else made


def _directory(wanted: Directory) -> str:
    return shlex.join(["install", "-d", "-m", f"{wanted.mode:o}", "-o", wanted.owner, "-g", wanted.group, wanted.path])


def _units(wanted: Desired) -> list[str]:
    off = [unit.name for unit in wanted.units if not unit.running]
    on = [unit.name for unit in wanted.units if unit.running]
    lines = ["systemctl daemon-reload"] if on or off else []
    if off:
        lines.append(f"systemctl disable --quiet --now {shlex.join(off)}")
    if on:
        lines += [f"systemctl enable --quiet {shlex.join(on)}", f"systemctl restart {shlex.join(on)}"]
    return lines


class Shell:
    """OpenSSH to every host, one shared connection each, kept open."""

    def __init__(self, reach: Mapping[str, Ssh]) -> None:
        self._reach = reach
        self._open = ExitStack()
        # A socket's path may be no longer than about a hundred characters.
        self._sockets = self._open.enter_context(TemporaryDirectory(prefix="mdb"))

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        for host in self._reach:
            subprocess.run(self._line(host, "-O", "exit"), capture_output=True, check=False)
        self._open.close()

    def run(self, todo: Sequence[Stage]) -> None:
        """All stages, each on all its hosts at once.

        Raises:
            Failed: a script failed; names its host.
        """
        for stage in todo:
            self._everywhere(self._upload, stage.up)
            self._everywhere(self._script, stage.scripts)
            for host, remote, local in stage.down:
                self._download(host, remote, local)

    def _everywhere(self, job: Callable[[str, Given], None], given: Mapping[str, Given]) -> None:
        with ThreadPoolExecutor(max(1, len(given))) as pool:
            for done in [pool.submit(job, host, value) for host, value in given.items()]:
                done.result()

    def _line(self, host: str, *words: str) -> list[str]:
        ssh = self._reach[host]
        options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={ssh.known_hosts}"]
        options += ["ControlMaster=auto", "ControlPersist=60", f"ControlPath={self._sockets}/%C", "LogLevel=ERROR"]
        given = [word for option in options for word in ("-o", option)]
        return ["ssh", "-F", "none", *given, "-i", str(ssh.key), "-p", str(ssh.port), f"{ssh.user}@{ssh.host}", *words]

    def _script(self, host: str, script: str) -> None:
        done = subprocess.run(
            self._line(host, "sh", "-s"), input=script.encode(), capture_output=True, check=False, timeout=1800
        )
        _must(host, done)

    def _upload(self, host: str, local: Path) -> None:
        with local.open("rb") as source:
            _must(
                host,
                subprocess.run(self._line(host, f"cat >{ARTIFACT}"), stdin=source, capture_output=True, check=False),
            )

    def _download(self, host: str, remote: str, local: Path) -> None:
        local.parent.mkdir(parents=True, exist_ok=True)
        with local.open("wb") as sink:
            line = self._line(host, f"cat {shlex.quote(remote)}")
            _must(host, subprocess.run(line, stdout=sink, stderr=subprocess.PIPE, check=False))


def _must(host: str, done: subprocess.CompletedProcess[bytes]) -> None:
    if done.returncode:
        said = (done.stderr or b"").decode(errors="replace")[-2000:]
        raise Failed(f"{host}: the shell baseline failed ({done.returncode}):\n{said}")
