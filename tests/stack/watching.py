"""Watchers that look for known secrets where none may be, while a stack is worked on."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import Stack

# As a user with no rights at all: what it can read, everybody can. The words lie in a private file outside of what is
# searched; the end of standard input ends it.
WORLD_READABLE = r"""
umask 077
words=$(mktemp /dev/shm/words.XXXXXX)
trap 'rm -f "$words"' EXIT
while IFS= read -r word && [ -n "$word" ]; do printf '%s\n' "$word"; done >"$words"
while read -rt 0.02 _; [ $? -gt 128 ]; do
  find /etc /run /var /usr/local /srv /home /tmp /root -type f -readable -newerct '-4 seconds' -print0 2>/dev/null |
    xargs -0r grep -alFf "$words" -- 2>/dev/null | xargs -d '\n' -r stat -c 'file %n %a %U:%G' 2>/dev/null
  echo round
done
"""


def disguises(value: str) -> list[str]:
    """The value, and what remains of it in base64 wherever it begins within three bytes."""
    found = [value]
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + value.encode()).decode().rstrip("=")
        # The first characters depend on what stands before it, the last on what stands after.
        found.append(text[(0, 2, 3)[shift] : len(text) - 1])
    return found


@dataclass
class Watch:
    """What the watchers saw. `processes` as process_watcher.py tells them; `files` as `host: path mode owner`."""

    processes: list[dict[str, Any]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    rounds: dict[str, int] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """Every process that had a secret among its arguments."""
        return [f"{hit['group'][-60:]}: {hit['text'][:300]}" for hit in self.processes if hit["kind"] == "cmdline"]

    def environments(self) -> list[dict[str, Any]]:
        """Every process that had a secret in its environment."""
        return [hit for hit in self.processes if hit["kind"] == "environ"]


@contextmanager
def watch(stack: Stack, values: Iterable[str]) -> Iterator[Watch]:
    """Watch all processes of the machine, and the files of every host of the stack as soon as it is there."""
    words = [word for value in values for word in disguises(value)]
    seen, done = Watch(), threading.Event()
    text = "".join(f"{word}\n" for word in words) + "\n"
    script = Path(__file__).with_name("process_watcher.py")
    processes = subprocess.Popen(
        [sys.executable, "-I", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={}
    )
    assert processes.stdin is not None
    processes.stdin.write(text)
    processes.stdin.flush()
    threads = [
        threading.Thread(target=_processes, args=(processes, seen), daemon=True),
        threading.Thread(target=_hosts, args=(stack.name, text, seen, done), daemon=True),
    ]
    for thread in threads:
        thread.start()
    _until(lambda: "processes" in seen.rounds)
    try:
        yield seen
    finally:
        done.set()
        processes.stdin.close()
        for thread in threads:
            thread.join(30)
        processes.wait(30)


def _until(true: Any) -> None:
    end = time.monotonic() + 30
    while not true():
        if time.monotonic() > end:
            raise RuntimeError("the watcher did not begin")
        time.sleep(0.05)


def _processes(process: subprocess.Popen[str], seen: Watch) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        told = json.loads(line)
        if "pid" in told:
            seen.processes.append(told)
        else:
            seen.rounds["processes"] = told.get("rounds", 0)


def _hosts(name: str, text: str, seen: Watch, done: threading.Event) -> None:
    """One watcher a container, begun when the container appears and again when it was made anew."""
    watched: dict[str, subprocess.Popen[str]] = {}
    while not done.wait(0.3):
        for container, host in _containers(name).items():
            if container not in watched or watched[container].poll() is not None:
                watched[container] = _begin(container, host, text, seen)
    for process in watched.values():
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        process.wait(30)


def _containers(name: str) -> Mapping[str, str]:
    shown = '{{.ID}} {{.Label "massive-deploy.machine"}}'
    line = ["docker", "ps", "--filter", f"label=massive-deploy.inventory={name}", "--format", shown]
    listed = subprocess.run(line, capture_output=True, text=True, check=False).stdout
    return dict(row.split() for row in listed.splitlines())


def _begin(container: str, host: str, text: str, seen: Watch) -> subprocess.Popen[str]:
    line = ["docker", "exec", "-i", "-u", "65534:65534", container, "bash", "-c", WORLD_READABLE]
    process = subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.flush()

    def listen() -> None:
        assert process.stdout is not None
        for told in process.stdout:
            if told.startswith("file "):
                seen.files.add(f"{host}: {told.removeprefix('file ').strip()}")
            else:
                seen.rounds[host] = seen.rounds.get(host, 0) + 1

    threading.Thread(target=listen, daemon=True).start()
    return process
