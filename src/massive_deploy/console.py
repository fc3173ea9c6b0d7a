"""What a run looks like: a live bar on a terminal, plain lines without one, and always a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from massive_deploy.errors import HostsFailed, Interrupted, InvalidInput, MassiveDeployError
from massive_deploy.paths import state_dir

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from massive_deploy.engine.apply import Stage
    from massive_deploy.engine.step import Step


def terminal(*, stderr: bool = False) -> Console:
    """The rich console; without a terminal it prints plain text and never wraps."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 200
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=not stream.isatty())


def print_change(out: Console, line: str, mark: str) -> None:
    """A line of a plan or diff: green where its mark says that something comes (+), red where it goes (-)."""
    out.print(line, style={"+": "green", "-": "red"}.get(mark), markup=False)


class RunLog:
    """One file per run under the user's state folder, 0600. Standard input of steps is never written to it."""

    def __init__(self, inventory: str, command: str) -> None:
        folder = state_dir() / inventory / "runs"
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        self.path: Path = folder / f"{now:%Y%m%d-%H%M%S}-{command}.log"
        self.path.touch(mode=0o600)
        self._start = time.monotonic()
        self.write(f"{command} {inventory} {now.isoformat(timespec='seconds')}")

    def write(self, text: str) -> None:
        """Append lines, each with the seconds since the run began."""
        since = time.monotonic() - self._start
        with self.path.open("a", encoding="utf-8") as handle:
            handle.writelines(f"{since:8.2f} {line}\n" for line in text.splitlines())


class Reporter:
    """Shows stages and steps of one run and writes them to its log."""

    def __init__(self, log: RunLog) -> None:
        self.log = log
        self.out = terminal()
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self._stage, self._done = "", 0
        self._running: dict[str, str] = {}

    def say(self, text: str) -> None:
        """One line for the user, also logged."""
        self.log.write(text)
        self.out.print(text, markup=False)

    @contextmanager
    def live(self) -> Iterator[None]:
        """The progress bar, on a terminal only."""
        if not self.out.is_terminal:
            yield
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.out, transient=True) as progress:
            self._progress = progress
            yield
        self._progress = None

    def interrupted(self, again: str) -> Interrupted:
        """The report of a run that was ended from outside: what is done, what is under way, and how to go on."""
        what = "interrupted before the first step; machines that were made stay"
        if self._stage:
            what = f"interrupted in stage {self._stage}, {self._done} operations done; what is done stays"
        what += "".join(f"\n    still at work: {host} | {step}" for host, step in sorted(self._running.items()))
        self.log.write(what)
        return Interrupted(what, f"{again} (waits for steps at work, then goes on)" if self._running else again)

    def on_stage(self, number: int, total: int, stage: Stage) -> None:
        """A stage begins."""
        hosts = " ".join(stage.steps)
        self._stage = f"{number} of {total} ({stage.title})"
        self.log.write(f"stage {number}/{total} {stage.title} on {hosts}")
        if self._progress is None:
            self.out.print(f"[{number}/{total}] {stage.title}: {hosts}", markup=False)
            return
        if self._bar is not None:
            self._progress.update(self._bar, visible=False)
        count = sum(len(steps) for steps in stage.steps.values())
        self._bar = self._progress.add_task(f"{number}/{total} {stage.title}", total=count)

    def on_step(self, host: str, step: Step, event: str) -> None:
        """A step began, was done, or failed."""
        self.log.write(f"{event} {host} {step.role}: {step.name[:300]}")
        if event == "start":
            self._running[host] = f"{step.role}: {step.name[:100]}"
        else:
            self._running.pop(host, None)
            self._done += event == "done"
        if self._progress is not None and self._bar is not None:
            if event == "start":
                self._progress.update(self._bar, description=f"{step.role}: {step.name[:60]} ({host})")
            else:
                self._progress.advance(self._bar)


def show_error(error: MassiveDeployError) -> None:
    """An error as people need it: what, where, why, what to type next. On standard error."""
    err = terminal(stderr=True)
    if isinstance(error, InvalidInput):
        for problem in error.problems:
            err.print(str(problem), markup=False)
        return
    if isinstance(error, HostsFailed):
        for failure in error.failures:
            err.print(f"{failure.host} | {failure.stage} | {failure.step}", style="bold red", markup=False)
            for line in failure.cause.splitlines():
                err.print(f"    {line}", markup=False)
            if failure.next:
                err.print(f"    next: {failure.next}", markup=False)
        return
    err.print(f"error: {error.what}", style="bold red", markup=False)
    if error.fix:
        err.print(f"next: {error.fix}", markup=False)


def crash_report() -> Path:
    """Write the current exception's traceback to a file of its own and return its path."""
    import traceback

    folder = state_dir()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"crash-{datetime.now(UTC):%Y%m%d-%H%M%S}.log"
    path.touch(mode=0o600)
    path.write_text(traceback.format_exc(), encoding="utf-8")
    return path
