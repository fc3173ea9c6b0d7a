"""The journal: one line a run on every host it worked on, so that the hosts themselves tell their story."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from massive_deploy.engine.lock import line, who
from massive_deploy.engine.probe import STATE
from massive_deploy.errors import MassiveDeployError, Refused

if TYPE_CHECKING:
    from massive_deploy.engine.step import Step
    from massive_deploy.operate.observe import Session

JOURNAL = f"{STATE}/journal.jsonl"
OnStep = Callable[[str, "Step", str], None]


@dataclass(frozen=True, slots=True)
class Record:
    """One run. `at` is its end (ISO 8601, UTC), `run` the name of its log at the controller, `revision` the inventory's
    git commit, with + when there were changes beside it.
    """

    at: str
    command: str
    operations: int = 0
    seconds: float = 0.0
    outcome: str = "done"
    who: str = ""
    revision: str = ""
    reason: str = ""
    run: str = ""
    error: str = ""

    @classmethod
    def parse(cls, text: str) -> Record | None:
        """From a journal's line; None when it is none. Keys of other versions are skipped or stay empty."""
        try:
            found = json.loads(text)
            kept: dict[str, Any] = {field.name: found[field.name] for field in fields(cls) if field.name in found}
            kept |= {"operations": int(found.get("operations", 0)), "seconds": float(found.get("seconds", 0))}
            words = {name: line(str(value)) for name, value in kept.items() if name not in {"operations", "seconds"}}
            return cls(**(kept | words))
        except (ValueError, TypeError, AttributeError):
            return None


class Run:
    """A run that goes on: counts its operations and writes its line at the end."""

    def __init__(self, command: str, folder: Path, log: Path, reason: str = "") -> None:
        self.operations = 0
        self._start = time.monotonic()
        self._fixed = {"command": command, "who": who(), "revision": revision(folder), "reason": reason}
        self._run = log.stem

    def counting(self, on_step: OnStep) -> OnStep:
        """The same callback, with finished steps counted as operations."""

        def counted(host: str, step: Step, event: str) -> None:
            self.operations += event == "done"
            on_step(host, step, event)

        return counted

    @contextmanager
    def journaled(self, opened: Session | Callable[[], Session]) -> Iterator[None]:
        """Write how the block ended to every host's journal. A refusal or a run with nothing to do leaves no line.

        A function instead of connections is called at the end: for a block that connects anew.
        """
        try:
            yield
        except Refused:
            raise
        except KeyboardInterrupt:
            self._write(opened, "interrupted")
            raise
        except Exception as error:
            what = error.what if isinstance(error, MassiveDeployError) else type(error).__name__
            self._write(opened, "failed", line((what.splitlines() or [""])[0])[:200])
            raise
        if self.operations:
            self._write(opened, "done")

    def record(self, outcome: str, error: str = "") -> Record:
        """This run, ending now."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        seconds = round(time.monotonic() - self._start, 1)
        return Record(
            at=now,
            operations=self.operations,
            seconds=seconds,
            outcome=outcome,
            run=self._run,
            error=error,
            **self._fixed,
        )

    def _write(self, connections: Session | Callable[[], Session], outcome: str, error: str = "") -> None:
        opened = connections() if callable(connections) else connections
        text = json.dumps({key: value for key, value in asdict(self.record(outcome, error)).items() if value != ""})
        script = f"umask 077; install -d -m 0711 {STATE}; cat >>{JOURNAL}"
        opened.fleet.run_all(dict.fromkeys(opened.reach, script), dict.fromkeys(opened.reach, text + "\n"))


def revision(folder: Path) -> str:
    """The git commit of a folder, with + when files in it differ from it; empty when there is none."""
    try:
        commit = _git(folder, "rev-parse", "--short", "HEAD")
        return commit + ("+" if commit and _git(folder, "status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *words: str) -> str:
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10, env=environment)
    return done.stdout.strip()
