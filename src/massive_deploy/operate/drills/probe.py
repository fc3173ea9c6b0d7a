"""Runs on a host while a drill goes on: writes and reads as the project does, or writes straight to one node.

    python probe.py app ENV_FILE WRITE_VARIABLE READ_VARIABLE LOG SECONDS
    python probe.py node DATABASE LOG SECONDS

Needs the standard library, and a driver: the project's psycopg on an app host, Debian's psycopg2 on a node. Lines of
the log, separated by tabs, in seconds of the wall clock as it was at the start plus monotonic time:
`write begin end ok|failed number uuid why`, `read begin end ok|failed number replica|leader why`,
`node begin end ok|failed timeline why`.
"""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

WALL, MONOTONIC = time.time(), time.monotonic()
WRITE_PAUSE, READ_PAUSE, NODE_PAUSE = 0.025, 0.04, 0.06
over = threading.Event()


def now() -> float:
    """A wall clock that never jumps."""
    return WALL + time.monotonic() - MONOTONIC


class Log:
    """Lines for the controller to fetch, each written before the next request. `last`: the last row's number."""

    def __init__(self, path: str) -> None:
        earlier = Path(path).read_text(encoding="utf-8", errors="replace") if Path(path).exists() else ""
        self.last = max(map(_number, earlier.splitlines()), default=0)
        self._file = Path(path).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115 - open until the end
        self._lock = threading.Lock()
        if earlier and not earlier.endswith("\n"):
            self._file.write("\n")  # a line cut off with its host must not begin the next one
        self.line("clock", f"{WALL:.6f}", f"{MONOTONIC:.6f}")

    def line(self, *fields: object) -> None:
        """One line."""
        with self._lock:
            self._file.write("\t".join(" ".join(str(field).split()) for field in fields) + "\n")


def _number(line: str) -> int:
    fields = line.split("\t")
    return int(fields[4]) if fields[0] == "write" and len(fields) > 5 and fields[4].isdigit() else 0


def repeat(kind: str, log: Log, connect: Callable[[], Any], ask: Callable[[Any, int], tuple[object, ...]]) -> None:
    """One request after the other, each on the connection of the one before, until the end."""
    pause = {"write": WRITE_PAUSE, "read": READ_PAUSE, "node": NODE_PAUSE}[kind]
    # Where the log goes on, the row after its last may have been committed without a line: its number is skipped.
    connection, number = None, log.last + 1 if log.last else 0
    while not over.is_set():
        number += 1
        begin = now()
        try:
            if connection is None:
                connection = connect()
            told = ask(connection, number)
        except Failed as error:
            log.line(kind, f"{begin:.6f}", f"{now():.6f}", "failed", *error.fields, error.why)
            close(connection)
            connection = None
            over.wait(0.05)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises is a failed request
            log.line(kind, f"{begin:.6f}", f"{now():.6f}", "failed", *["-"] * (1 if kind == "node" else 2), error)
            # A node that follows says so again and again: no reason to connect anew.
            if kind != "node" or getattr(connection, "closed", True):
                close(connection)
                connection = None
        else:
            log.line(kind, f"{begin:.6f}", f"{now():.6f}", "ok", *told, "")
        over.wait(pause)


class Failed(Exception):
    """A failed request, with what is known of it."""

    def __init__(self, fields: tuple[object, ...], why: object) -> None:
        super().__init__(str(why))
        self.fields, self.why = fields, str(why)


def close(connection: Any) -> None:
    """Let go of a connection that may be broken."""
    try:
        if connection is not None:
            connection.close()
    except Exception:  # noqa: BLE001, S110 - it is given up anyway
        pass


def write(connection: Any, number: int) -> tuple[object, ...]:
    """One row, one commit."""
    key = uuid.uuid4()
    try:
        connection.execute("INSERT INTO massive_drill (n, id) VALUES (%s, %s)", (number, key))
    except Exception as error:
        raise Failed((number, key), error) from error
    return number, key


def read(connection: Any, _number: int) -> tuple[object, ...]:
    """The newest row there is, and whether a replica told it."""
    sql = "SELECT coalesce(max(n), 0), pg_is_in_recovery() FROM massive_drill"
    newest, replica = connection.execute(sql).fetchone()
    return newest, "replica" if replica else "leader"


def direct(connection: Any, _number: int) -> tuple[object, ...]:
    """One row on this very node; its timeline."""
    with connection.cursor() as cursor:
        sql = "INSERT INTO massive_drill_node DEFAULT VALUES RETURNING pg_walfile_name(pg_current_wal_lsn())"
        cursor.execute(sql)
        return (int(cursor.fetchone()[0][:8], 16),)


def pooled(url: str) -> Callable[[], Any]:
    """Connects as the project does."""
    psycopg = importlib.import_module("psycopg")
    return lambda: psycopg.connect(url, autocommit=True, connect_timeout=5, prepare_threshold=None)


def local(database: str) -> Callable[[], Any]:
    """Connects to this host's server over its socket."""
    psycopg2 = importlib.import_module("psycopg2")

    def connect() -> Any:
        connection = psycopg2.connect(host="/var/run/postgresql", dbname=database, user="postgres", connect_timeout=3)
        connection.autocommit = True
        return connection

    return connect


def variable(env_file: str, name: str) -> str:
    """A value from the project's environment file."""
    for line in Path(env_file).read_text(encoding="utf-8").splitlines():
        if line.startswith(f'{name}="'):
            return re.sub(r"\\(.)", r"\1", line[len(name) + 2 : -1])
    raise SystemExit(f"{env_file} has no {name}")


def main() -> None:
    """Until the seconds are over or SIGTERM comes; what still waits for an answer then is left out."""
    mode, *words = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    log = Log(words[-2])
    if mode == "app":
        env_file, writes, reads = words[:3]
        jobs = [
            ("write", pooled(variable(env_file, writes)), write),
            ("read", pooled(variable(env_file, reads)), read),
        ]
    else:
        jobs = [("node", local(words[0]), direct)]
    threads = [
        threading.Thread(target=repeat, args=(kind, log, connect, ask), daemon=True) for kind, connect, ask in jobs
    ]
    for thread in threads:
        thread.start()
    over.wait(float(words[-1]))
    over.set()
    for thread in threads:
        thread.join(3)
    os._exit(0)


if __name__ == "__main__":
    main()
