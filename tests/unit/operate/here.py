"""Commands run on this machine, each host's files in a folder of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from massive_deploy.engine.lock_script import LOCK
from massive_deploy.engine.probe import STATE
from massive_deploy.engine.step import Output
from massive_deploy.operate.observe import Session


class Here:
    """Runs scripts as Fleet does, with state and lock moved below a folder; `down` hosts do not answer."""

    def __init__(self, folder: Path, down: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.down = down

    def run_all(
        self, scripts: Mapping[str, str], stdin: Mapping[str, str] | None = None, timeout: int = 60
    ) -> Mapping[str, Output]:
        return {host: self._run(host, script, (stdin or {}).get(host, ""), timeout) for host, script in scripts.items()}

    def _run(self, host: str, script: str, stdin: str, timeout: int) -> Output:
        if host in self.down:
            return Output(False, "", "connection lost: gone")
        place = self.folder / host
        place.mkdir(exist_ok=True)
        moved = script.replace(STATE, str(place / "state")).replace(LOCK, str(place / "lock"))
        done = subprocess.run(
            ["sh", "-c", moved], input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        return Output(done.returncode == 0, done.stdout, done.stderr)


def opened(
    folder: Path, *hosts: str, down: tuple[str, ...] = (), missing: tuple[str, ...] = (), lost: tuple[str, ...] = ()
) -> Session:
    """A session with these hosts; `lost` ones could not be connected to."""
    fleet = cast("Any", Here(folder, down))
    reach = cast("Any", dict.fromkeys(hosts))
    return Session(fleet, reach, frozenset(missing), dict.fromkeys(lost, "no route"))
