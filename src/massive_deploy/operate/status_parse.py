"""Reads the output of status_script. What is missing or garbled is left unknown: no sick host breaks a status."""

from __future__ import annotations

from collections.abc import Iterator

from massive_deploy.operate.patroni import members
from massive_deploy.operate.status import UNKNOWN, HostStatus, Unit
from massive_deploy.operate.status_database import Database
from massive_deploy.operate.status_script import MARK


def parse(host: str, output: str) -> HostStatus:
    """One host's status from its output; with `error` set when the output does not come from the script."""
    parts = sections(output)
    if "end" not in parts:
        return HostStatus(host, "the answer is incomplete")
    uptime, load, total, available = machine(parts.get("machine", ""))
    return HostStatus(
        host,
        uptime=uptime,
        load=load,
        memory_total_mb=total,
        memory_available_mb=available,
        units=units(parts.get("units", "")),
        release=parts.get("release", "").strip().rpartition("/")[2],
        database=database(parts.get("database", "")),
        members=members(parts.get("patroni", "")),
    )


def sections(output: str) -> dict[str, str]:
    """The text below each mark, by name."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in output.splitlines():
        if line.startswith(MARK):
            current = found.setdefault(line.removeprefix(MARK).strip(), [])
        else:
            current.append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def machine(text: str) -> tuple[float, float, int, int]:
    """Uptime in seconds, load over a minute, total and available memory in MiB."""
    lines = text.split("\n")
    memory = {words[0].rstrip(":"): int(words[1]) // 1024 for words in map(str.split, lines) if len(words) == 3}
    numbers = [number for number in map(_float, lines) if number is not None]
    uptime, load = numbers if len(numbers) == 2 else (UNKNOWN, UNKNOWN)
    return uptime, load, memory.get("MemTotal", 0), memory.get("MemAvailable", 0)


def units(text: str) -> tuple[Unit, ...]:
    """Units from `systemctl show`: a block of NAME=value lines each, with an empty line between."""
    return tuple(
        Unit(
            name=block["Id"].removesuffix(".service"),
            load=block.get("LoadState", ""),
            active=block.get("ActiveState", ""),
            sub=block.get("SubState", ""),
            enabled=block.get("UnitFileState", ""),
            restarts=int(block.get("NRestarts") or 0),
        )
        for block in _blocks(text)
        if "Id" in block
    )


def _blocks(text: str) -> Iterator[dict[str, str]]:
    for block in text.split("\n\n"):
        pairs = (line.partition("=") for line in block.splitlines() if "=" in line)
        yield {name: value for name, _, value in pairs}


def database(text: str) -> Database | None:
    """The server from psql's unaligned rows; None when it did not answer."""
    rows = [line.split("|") for line in text.splitlines() if "|" in line]
    own = next((row for row in rows if row[0] == "self" and len(row) == 6), None)
    if own is None:
        return None
    _, recovering, position, timeline, receiving, paused = own
    return Database(
        leader=recovering == "f",
        position=int(position or 0),
        timeline=int(timeline or 0),
        receiving=receiving == "t",
        paused=paused == "t",
        silent=next((_float(row[1]) for row in rows if row[0] == "silent" and len(row) == 2), None),
        replay_lag={row[1]: _float(row[2]) for row in rows if row[0] == "replica" and len(row) == 3},
    )


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
