"""Child processes, timed and weighed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 3600


class Failed(Exception):
    """Something the benchmark needs did not work; the text says what."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One finished command: wall time in seconds, peak memory of the process itself in MiB, exit code, its output."""

    seconds: float
    peak_mib: float
    code: int
    output: str


def end_orderly() -> None:
    """From now on SIGTERM ends this process as Ctrl-C does: what it made is removed first."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def timed(
    command: Sequence[str],
    log: Path,
    *,
    codes: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Ran:
    """Run a command with its output in a file; it is killed after an hour.

    Raises:
        Failed: it ended with another code than these; quotes the end of its output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        start = time.monotonic()
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
        limit = threading.Timer(LIMIT_S, child.kill)
        limit.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.terminate()
            raise
        finally:
            limit.cancel()
        seconds = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    output = log.read_text(encoding="utf-8", errors="replace")
    ran = Ran(seconds, usage.ru_maxrss / 1024, child.returncode, output)
    if ran.code not in codes:
        raise Failed(f"{' '.join(command[:4])}: exit {ran.code} (see {log})\n{output[-3000:]}")
    return ran
