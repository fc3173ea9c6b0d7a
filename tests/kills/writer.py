"""Rows that are committed through the pooler while a stack changes, and the list of those that were acknowledged."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time

from harness import Stack

TABLE = "kept_rows"


class Rows:
    """One writer. A row is numbered by (seed, n); `acknowledged` are those PostgreSQL said it had committed.

    Args:
        stack: with the database.
        host: whose pooler is asked.
    """

    def __init__(self, stack: Stack, host: str) -> None:
        self.stack, self.host = stack, host
        self.database = stack.name.replace("-", "_")
        self.acknowledged: set[str] = set()
        self.first: set[str] = set()
        self.reconnected = 0
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, seed: int) -> None:
        """Commit the first rows, then go on in a thread; returns when twenty are in."""
        self.acknowledged, self.reconnected = set(), 0
        self._done.clear()
        self._sql(self.host, f"CREATE TABLE IF NOT EXISTS {TABLE} (seed int, n int, PRIMARY KEY (seed, n))")
        self._sql(self.host, f"DELETE FROM {TABLE} WHERE seed = {seed}")
        self.seed = seed
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()
        end = time.monotonic() + 30
        while len(self.acknowledged) < 20:
            if time.monotonic() > end:
                raise RuntimeError("no row could be written before the run")
            time.sleep(0.05)

    def stop(self) -> list[str]:
        """End the writer; a problem when it could not write at the end."""
        before = len(self.acknowledged)
        time.sleep(1)
        late = len(self.acknowledged) - before
        self._done.set()
        if self._thread is not None:
            self._thread.join(30)
        return [] if late else ["no row could be written after the run"]

    def missing(self, host: str) -> list[str]:
        """Acknowledged rows this database host does not have; a replica gets ten seconds to have them."""
        end = time.monotonic() + 10
        while True:
            text = self._local(host, f"SELECT n FROM {TABLE} WHERE seed = {self.seed}")
            lost = self.acknowledged - set(text.split())
            if not lost or time.monotonic() > end:
                return [f"{host}: {len(lost)} of {len(self.acknowledged)} committed rows are gone"] if lost else []
            time.sleep(0.5)

    def _local(self, host: str, query: str) -> str:
        line = f"runuser -u postgres -- psql -h /var/run/postgresql -d {self.database} -XAtq -c '{query}'"
        return self.stack.inside(host, line)

    def _pooled(self) -> str:
        return f"psql -h /run/postgresql -p 6432 -U {self.database} -d {self.database} -XAtq -v ON_ERROR_STOP=1"

    def _sql(self, host: str, statement: str) -> None:
        self.stack.inside(host, self._pooled(), statement)

    def _write(self) -> None:
        line = ["docker", "exec", "-i", f"{self.stack.name}-{self.host}", "sh", "-c", self._pooled()]
        number = 0
        while not self._done.is_set():
            with subprocess.Popen(
                line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as psql:
                assert psql.stdin is not None
                assert psql.stdout is not None
                while not self._done.is_set():
                    number += 1
                    try:
                        psql.stdin.write(f"INSERT INTO {TABLE} VALUES ({self.seed}, {number}) RETURNING n;\n")
                        psql.stdin.flush()
                    except OSError:
                        break
                    told = psql.stdout.readline().strip()
                    if not told:
                        break
                    self.acknowledged.add(told)
                    time.sleep(0.02)
                with contextlib.suppress(OSError):
                    psql.stdin.close()
            self.reconnected += 1
            time.sleep(0.2)
