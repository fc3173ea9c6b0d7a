"""What was done to an inventory: the hosts' journals put together run by run, and the logs of this controller."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from massive_deploy.engine.lock import who
from massive_deploy.operate.journal import JOURNAL, Record
from massive_deploy.paths import state_dir

if TYPE_CHECKING:
    from massive_deploy.operate.observe import Session

UNKNOWN = "unknown"
"""Outcome of a run that no host has in its journal: nothing was to do, it was refused, or it was killed."""


@dataclass(frozen=True, slots=True)
class Past:
    """One run: its record, the hosts that have it, and its log when it ran from here."""

    record: Record
    hosts: tuple[str, ...] = ()
    log: Path | None = None


def read(opened: Session, count: int) -> tuple[Mapping[str, Sequence[Record]], Mapping[str, str]]:
    """The newest records of each host that answers, and why the others did not."""
    script = f"[ ! -e {shlex.quote(JOURNAL)} ] || tail -n {count} -- {shlex.quote(JOURNAL)}"
    outputs = opened.fleet.run_all(dict.fromkeys(opened.reach, script), timeout=20)
    records = {host: parse(output.stdout) for host, output in outputs.items() if output.ok}
    silent = {host: output.cause.splitlines()[-1] for host, output in outputs.items() if not output.ok}
    return records, silent | opened.silent


def parse(text: str) -> list[Record]:
    """A journal's records; lines that are none are skipped."""
    return [record for one in text.splitlines() if (record := Record.parse(one)) is not None]


def logs(inventory: str) -> list[Path]:
    """The run logs of this controller."""
    return sorted((state_dir() / inventory / "runs").glob("*.log"))


def merge(journals: Mapping[str, Iterable[Record]], files: Iterable[Path]) -> list[Past]:
    """Every run once, the newest first."""
    here = who()
    by_name = {path.stem: path for path in files}
    runs: dict[tuple[str, ...], list[tuple[str, Record]]] = {}
    for host, records in sorted(journals.items()):
        for record in records:
            key = (record.run, record.who) if record.run else (record.at, record.command)
            runs.setdefault(key, []).append((host, record))
    past = []
    for found in runs.values():
        record = found[0][1]
        log = by_name.pop(record.run, None) if record.who == here else None
        past.append(Past(record, tuple(host for host, _ in found), log))
    past += [Past(told, log=path) for path in by_name.values() if (told := _of_log(path, here)) is not None]
    return sorted(past, key=lambda one: (one.record.at, one.record.run), reverse=True)


def _of_log(path: Path, here: str) -> Record | None:
    parts = re.fullmatch(r"(\d{8}-\d{6})-(.+)", path.stem)
    if parts is None:
        return None
    start = datetime.strptime(parts[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    return Record(start.isoformat(timespec="seconds"), parts[2], outcome=UNKNOWN, who=here, run=path.stem)
