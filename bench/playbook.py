"""The Ansible baseline: its own environment, the variables and files of an inventory, runs of bench/ansible/site.yml.

The playbook is written by hand, one file of tasks a role. What goes into it from the tool are values: the rendered
files, the list of packages, and the text of the commands that bring a state about or wait for it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from bench.process import Failed, Ran, timed
from bench.stack import environment
from bench.states import checked
from massive_deploy.desired import Desired
from massive_deploy.operate.prepare import Prepared
from massive_deploy.targets import Ssh

REQUIREMENT = "ansible-core>=2.19,<2.20"
SITE = Path(__file__).parent / "ansible"
FORKS = 64
TASK = re.compile(r"^TASK \[(.*)\] \*+$|^(changed): ", re.MULTILINE)
RECAP = re.compile(r"^(\S+) +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Recap:
    """One run of the playbook: how it ran, changes over all hosts, and the tasks that made them."""

    ran: Ran
    changed: int
    tasks: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.changed} ({', '.join(self.tasks)})" if self.changed else "nothing"


def changing(output: str) -> tuple[str, ...]:
    """Names of the tasks that changed something, in order, each once."""
    found: dict[str, None] = {}
    name = ""
    for task, changed in TASK.findall(output):
        name = task or name
        if changed:
            found[name] = None
    return tuple(found)


def install(folder: Path) -> tuple[Path, str]:
    """ansible-core in an environment of its own; the folder of its commands, and its version."""
    python = folder / "bin/python"
    if not (folder / "bin/ansible-playbook").exists():
        beside = Path(sys.executable).parent / "uv"
        uv = str(beside) if beside.exists() else shutil.which("uv")
        if uv is None:
            raise Failed("uv is missing, which makes Ansible's environment; run: make setup")
        timed(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], folder.parent / "install.log"
        )
        timed(
            [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), REQUIREMENT],
            folder.parent / "install.log",
        )
    show = [str(python), "-c", "from ansible.release import __version__; print(__version__)"]
    version = subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip()
    return folder / "bin", version


class Playbook:
    """bench/ansible/site.yml for one inventory, its values and files in `folder` (private: it holds secrets)."""

    def __init__(self, commands: Path, folder: Path) -> None:
        self._commands = commands
        self._folder = folder
        # Sockets' paths may be no longer than about a hundred characters.
        self._sockets = Path(mkdtemp(prefix="mda"))

    def write(self, prepared: Prepared, reach: Mapping[str, Ssh]) -> None:
        """Write hosts, groups, variables and files of the hosts that can be reached."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, mode=0o700)
        groups: dict[str, dict[str, Any]] = {}
        for host, roles in prepared.rendered.items():
            if host not in reach:
                continue
            for role, wanted in roles.items():
                groups.setdefault(role, {"hosts": {}})["hosts"][host] = {}
                self._files(host, wanted)
            values = (
                _connection(reach[host])
                | _values(prepared, host, roles)
                | {"rendered": str(self._folder / "files" / host)}
            )
            _write(self._folder / "host_vars" / f"{host}.json", values)
        hosts: dict[str, dict[str, Any]] = {host: {} for host in prepared.rendered if host in reach}
        _write(self._folder / "hosts.json", {"all": {"hosts": hosts, "children": groups}})

    def run(self, log: str) -> Recap:
        """One run of the whole playbook.

        Raises:
            Failed: a task failed, or a host could not be reached.
        """
        line = [str(self._commands / "ansible-playbook"), "--inventory", str(self._folder / "hosts.json")]
        settings = {
            "ANSIBLE_CONFIG": str(SITE / "ansible.cfg"),
            "ANSIBLE_HOME": str(self._folder / "home"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._sockets),
            "ANSIBLE_FORKS": str(FORKS),
        }
        ran = timed(
            [*line, str(SITE / "site.yml")], self._folder / log, environment=environment() | settings, folder=SITE
        )
        changed = sum(int(found[3]) for found in RECAP.finditer(ran.output))
        return Recap(ran, changed, changing(ran.output))

    def close(self) -> None:
        """End the shared connections."""
        for socket in self._sockets.iterdir():
            subprocess.run(
                ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "any"], capture_output=True, check=False
            )
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _files(self, host: str, wanted: Desired) -> None:
        for file in wanted.files:
            path = self._folder / "files" / host / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content, encoding="utf-8")


def _connection(ssh: Ssh) -> dict[str, Any]:
    return {
        "ansible_host": ssh.host,
        "ansible_port": ssh.port,
        "ansible_user": ssh.user,
        "ansible_ssh_private_key_file": str(ssh.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={ssh.known_hosts} -o StrictHostKeyChecking=yes",
    }


def _values(prepared: Prepared, host: str, roles: Mapping[str, Desired]) -> dict[str, Any]:
    release = prepared.renderer.view("base", host).release
    packed = [task.fetch[1] for wanted in roles.values() for task in wanted.tasks if task.fetch]
    packed += [task.artifact for name in ("app",) if name in roles for task in roles[name].tasks if task.artifact]
    return {
        "packages": sorted({name for wanted in roles.values() for name in wanted.packages}),
        "authorities": [file.path for file in roles["base"].files if "/ca-certificates/" in file.path],
        "release": {"id": release.id, "archive": release.archive} if release else {},
        "packed": str(packed[0]) if packed else "",
        "states": {role: [_state(task) for task in wanted.tasks if not task.in_turn] for role, wanted in roles.items()},
        "gates": {role: [_gate(gate) for gate in wanted.gates] for role, wanted in roles.items()},
    }


def _state(task: Any) -> dict[str, Any]:
    return {"name": task.name, "early": task.before_units, "script": checked(task), "stdin": task.stdin}


def _gate(gate: Any) -> dict[str, Any]:
    return {"name": gate.name, "command": gate.command, "seconds": gate.seconds}


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=1)
    if "{{" in text or "{%" in text:
        raise Failed(f"{path} would be taken for a template")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as sink:
        sink.write(text)
