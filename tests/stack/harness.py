"""Real stacks for tests: made through the command line, as users do, and removed at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

_HOSTS: dict[str, tuple[str, dict[str, Any]]] = {}


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Stack:
    """One inventory in a scratch folder, driven by the real command."""

    folder: Path
    name: str
    environment: Mapping[str, str]

    def command(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run massive-deploy with these words; fails the test on another exit code (None: any)."""
        line = [sys.executable, "-m", "massive_deploy", *words]
        run = subprocess.run(
            line, capture_output=True, text=True, env=dict(self.environment), check=False, timeout=1500
        )
        if code is not None and run.returncode != code:
            pytest.fail(
                f"{' '.join(words)}: exit {run.returncode}, wanted {code}\n{run.stdout[-6000:]}\n{run.stderr[-6000:]}"
            )
        return run

    def up(self, code: int = 0) -> str:
        return self.command("up", str(self.folder), code=code).stdout

    def write(self, text: str) -> None:
        (self.folder / "topology.yaml").write_text(text, encoding="utf-8")

    def edit(self, old: str, new: str) -> None:
        text = (self.folder / "topology.yaml").read_text(encoding="utf-8")
        if old not in text:
            pytest.fail(f"no {old!r} in the topology")
        self.write(text.replace(old, new))

    def hosts(self) -> dict[str, Any]:
        """As `massive-deploy hosts --json` tells them, asked anew when the topology or the placement has changed."""
        files = [self.folder / name for name in ("topology.yaml", "placement.yaml")]
        state = "".join(path.read_text(encoding="utf-8") for path in files if path.exists())
        if _HOSTS.get(str(self.folder), ("", {}))[0] != state:
            listed = json.loads(self.command("hosts", str(self.folder), "--json").stdout)
            _HOSTS[str(self.folder)] = (state, {host["name"]: host for host in listed})
        return _HOSTS[str(self.folder)][1]

    def on(self, host: str, command: str, code: int | None = 0) -> str:
        """Run a shell line as root in a host's container; all it printed. Fails the test on another exit code."""
        run = self._in_container(host, command)
        if code is not None and run.returncode != code:
            pytest.fail(f"{host}: {command}: exit {run.returncode}, wanted {code}\n{run.stdout}\n{run.stderr}")
        return run.stdout + run.stderr

    def through(self, host: str, command: str, code: int | None = 0) -> str:
        """The same through `massive-deploy exec`, which goes by the topology; its output without the prefix."""
        run = self.command("exec", str(self.folder), "--hosts", host, "--", "sh", "-c", command, code=code)
        return "\n".join(line.partition(" | ")[2] for line in run.stdout.splitlines())

    def inside(self, host: str, script: str, stdin: str = "") -> str:
        """Run a shell script as root in a host's container, without the tool; its output, whatever its exit code."""
        return self._in_container(host, script, stdin).stdout

    def _in_container(self, host: str, script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        line = ["docker", "exec", "-i", f"{self.name}-{host}", "sh", "-c", script]
        return subprocess.run(line, input=stdin, capture_output=True, text=True, check=False, timeout=600)

    def destroy(self) -> None:
        self.command("destroy", str(self.folder), "--confirm", self.name)

    def http(self, path: str, data: Mapping[str, Any] | None = None, host: str = "edge-1", port: int = 80) -> Answer:
        """GET, or POST of JSON, through the edge."""
        url = f"http://{self.hosts()[host]['address']}:{port}{path}"
        return http(url, data)

    def digest(self) -> dict[str, str]:
        """Of every host: managed files, installed packages, unit states and start times of services."""
        script = (
            "sort -u /var/lib/massive-deploy/managed/* | grep ^/ | xargs -r sha256sum; "
            "sort -u /var/lib/massive-deploy/managed/* | grep ^/ | xargs -r stat -c '%n %a %U %G %Y'; "
            "dpkg-query -W | sha256sum; systemctl list-units --type=service,socket --all --no-legend --plain | sort | "
            # Runs for a moment every minute; and whoever asks for a unit that does not run loads it for a moment.
            "grep -v -e '^nginx-logs.service ' -e ' inactive *dead '; "
            "sed -n 's/^unit //p' /var/lib/massive-deploy/managed/* | sort -u | "
            "xargs -r systemctl show -p Id,MainPID,ActiveEnterTimestamp,NRestarts"
        )
        return {name: self.on(name, script) for name in self.hosts()}


def http(url: str, data: Mapping[str, Any] | None = None, timeout: float = 15) -> Answer:
    """One request; an error status is an answer, no connection is status 0."""
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return Answer(reply.status, dict(reply.headers), reply.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read().decode("utf-8", "replace"))
    except OSError as error:
        return Answer(0, {}, str(error))


def within(seconds: float, true: Callable[[], Any], what: str) -> Any:
    """The first truthy value of `true` within some seconds; otherwise the test fails."""
    end = time.monotonic() + seconds
    while True:
        if value := true():
            return value
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.5)


@contextmanager
def held_back(made: Stack, node: str) -> Iterator[None]:
    """A replica that receives and does not replay."""
    find = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'"
    pid = made.inside(node, f'cd /; runuser -u postgres -- psql -XAtq -d postgres -c "{find}"').strip()
    if not pid.isdigit():
        pytest.fail(f"{node}: no process replays: {pid!r}")
    made.on(node, f"kill -STOP {pid}")
    try:
        yield
    finally:
        made.on(node, f"kill -CONT {pid}")


@contextmanager
def visitors(requests: Sequence[tuple[str, Mapping[str, Any] | None]], at_once: int = 6) -> Iterator[list[str]]:
    """Threads that make these requests (URL, JSON to post) over and over until the block ends.

    Yields the list of failures: every answer that is no success, and every request that got none.
    """
    failures: list[str] = []
    counts = [0] * at_once
    done = threading.Event()

    def visit(number: int) -> None:
        while not done.is_set():
            for url, data in requests:
                answer = http(url, data, timeout=30)
                counts[number] += 1
                if not 200 <= answer.status < 400:
                    failures.append(f"{time.strftime('%H:%M:%S')} {url} {answer.status} {answer.body[:80]}")
                time.sleep(0.02)

    threads = [threading.Thread(target=visit, args=(number,), daemon=True) for number in range(at_once)]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        done.set()
        for thread in threads:
            thread.join(40)
    if min(counts) < 10:
        pytest.fail(f"the visitors hardly came: {counts}")


def _clear(name: str) -> None:
    label = f"label=massive-deploy.inventory={name}"
    for find, remove in (
        (["ps", "--all", "--quiet"], ["rm", "--force", "--volumes"]),
        (["network", "ls", "--quiet"], ["network", "rm"]),
    ):
        found = subprocess.run(["docker", *find, "--filter", label], capture_output=True, text=True, check=False)
        if found.stdout.split():
            subprocess.run(["docker", *remove, *found.stdout.split()], capture_output=True, check=True)


@contextmanager
def stack(folder: Path, name: str, *, destroy: bool = True) -> Iterator[Stack]:
    """An empty inventory with keys and identity of its own; destroyed at the end whatever happened.

    What a run that was killed has left of that name goes first: its hosts would be taken for ours, with other secrets.
    """
    if destroy:
        _clear(name)
    inventory = folder / "inventories" / name
    inventory.mkdir(parents=True)
    private = {
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PYTHONWARNINGS": "default",
    }
    made = Stack(inventory, name, {**os.environ, **private})
    try:
        yield made
    finally:
        if destroy:
            made.destroy()
