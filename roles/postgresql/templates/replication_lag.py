# Managed by massive-deploy: edits are overwritten by the next up.
"""Says over HTTP whether this node may serve reads, and how old its data are.

The leader writes the time into one row every half second. A replica's age is the time since the row it has replayed was
written. One that receives nothing is infinitely late, however little it has missed so far; it still serves reads until
the limit, for all replicas receive nothing for a moment while their leader changes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

EVERY = 0.5
BEFORE = 3.0
"""Seconds before the limit at which reads stop: what balancers and poolers need to take a replica out."""
STALE = 3.0
"""Seconds after which what was last seen of the server counts for nothing."""

LOOK = """
SELECT pg_is_in_recovery(),
       extract(epoch FROM clock_timestamp() - (SELECT at FROM massive.heartbeat))::float8,
       (SELECT pg_wal_lsn_diff(latest_end_lsn, pg_last_wal_replay_lsn()) FROM pg_stat_wal_receiver)::bigint,
       EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')
"""
BEAT = "UPDATE massive.heartbeat SET at = clock_timestamp()"


@dataclass(frozen=True)
class Limits:
    """How far behind a replica that serves reads may be: bytes of WAL, seconds; and seconds within them to return."""

    size: int
    age: float
    back_after: float


@dataclass(frozen=True)
class Look:
    """One look at the server. `age` is in seconds, `size` in bytes of WAL; None when the server does not say."""

    recovering: bool
    age: float | None
    size: int | None
    receiving: bool


class Judge:
    """Remembers since when the node has been fit, from one look to the next. Times are of a monotonic clock."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.look: Look | None = None
        self.error = "not looked yet"
        self._looked = -math.inf
        self._fit_since: float | None = None
        self._led = False

    def see(self, look: Look | None, now: float, error: str = "") -> None:
        """Take in a look; None with the reason when the server did not answer."""
        late = now - self._looked > STALE
        self.look, self.error, self._looked = look, error, now
        if look is not None and (look.receiving or not look.recovering):
            self._led = not look.recovering
        if self._trouble():
            self._fit_since = None
        elif self._fit_since is None or late:
            self._fit_since = now

    def _trouble(self) -> str:
        look = self.look
        if look is None:
            return self.error
        if not look.recovering:
            return "the leader"
        return self._too_late(look)

    def _too_late(self, look: Look) -> str:
        limits = self.limits
        if self._led:
            # The newest time it knows is its own, and may never have reached another node.
            return "led until now, and does not follow yet"
        if look.age is None or (look.receiving and look.size is None):
            return "how far behind is not known"
        if look.receiving and look.size is not None and look.size > limits.size:
            return f"{look.size} bytes behind, more than {limits.size}"
        if look.age > limits.age - BEFORE:
            return f"{look.age:.1f} s old, the limit is {limits.age:g} s"
        return ""

    def told(self, now: float) -> dict[str, Any]:
        """What GET /reads answers."""
        look = self.look
        stale = now - self._looked > STALE
        why = "the server does not answer" if stale else self._trouble()
        if not why and self._fit_since is not None and now - self._fit_since < self.limits.back_after:
            why = f"back after {self.limits.back_after:g} s within the limits"
        role = "unknown" if look is None or stale else "replica" if look.recovering else "leader"
        size = self._behind(role)[1]
        age = {"leader": 0.0, "replica": look.age if look is not None else None}.get(role)
        return {
            "role": role,
            "fit": not why,
            "why": why,
            "age": None if age is None else round(age, 3),
            "bytes": size,
            "receiving": role == "replica" and look is not None and look.receiving,
        }

    def _behind(self, role: str) -> tuple[float | None, int | None]:
        look = self.look
        if role == "unknown" or look is None:
            return None, None
        if role == "leader":
            return 0.0, 0
        return (look.age, look.size) if look.receiving else (math.inf, None)

    def metrics(self, now: float) -> str:
        """What GET /metrics answers; a replica that receives nothing is infinitely late."""
        told = self.told(now)
        age, size = self._behind(told["role"])
        lines = [f"massive_replication_fit {int(told['fit'])}"]
        if told["role"] != "leader":
            lines.append(f"massive_replication_receiving {int(told['receiving'])}")
        if age is None:
            age = math.inf
        lines.append(f"massive_replication_age_seconds {'+Inf' if math.isinf(age) else f'{max(0.0, age):.3f}'}")
        if size is not None and not math.isinf(age):
            lines.append(f"massive_replication_lag_bytes {size}")
        elif math.isinf(age):
            lines.append("massive_replication_lag_bytes +Inf")
        return "".join(f"# TYPE {line.split()[0]} gauge\n{line}\n" for line in lines)


def watch(judge: Judge, connection: str) -> None:
    """Look and beat until the process ends."""
    import psycopg2

    session = None
    while True:
        began = time.monotonic()
        try:
            if session is None:
                session = psycopg2.connect(connection)
                session.autocommit = True
            with session.cursor() as cursor:
                cursor.execute(LOOK)
                look = Look(*cursor.fetchone())
                if not look.recovering:
                    cursor.execute(BEAT)
            judge.see(look, time.monotonic())
        except psycopg2.Error as error:
            first = str(error).strip().partition("\n")[0] or type(error).__name__
            if first != judge.error:
                sys.stderr.write(f"{first}\n")
                sys.stderr.flush()
            judge.see(None, time.monotonic(), first)
            if session is not None:
                session.close()
            session = None
        time.sleep(max(0.05, EVERY - (time.monotonic() - began)))


def status(told: Mapping[str, Any]) -> int:
    """200: takes reads. 404: a leader, which takes no new ones and may keep those it has. 503: those must go, too."""
    if told["fit"]:
        return 200
    return 404 if told["role"] == "leader" else 503


def handler(judge: Judge) -> type[BaseHTTPRequestHandler]:
    """Answers GET /reads and GET /metrics."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            now = time.monotonic()
            if self.path == "/metrics":
                self._answer(200, "text/plain; version=0.0.4", judge.metrics(now))
            elif self.path == "/reads":
                told = judge.told(now)
                self._answer(status(told), "application/json", json.dumps(told) + "\n")
            else:
                self._answer(404, "text/plain", "GET /reads or /metrics\n")

        def _answer(self, status: int, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Several checks a second are not worth a line each."""

    return Handler


class Server(ThreadingHTTPServer):
    """A caller that hangs up is no news."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about lost connections."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main() -> None:
    """Serve until the process ends."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--address", required=True)
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--connection", required=True, help="how to reach this node's PostgreSQL")
    words.add_argument("--max-bytes", type=int, required=True)
    words.add_argument("--max-age", type=float, required=True)
    words.add_argument("--back-after", type=float, required=True)
    given = words.parse_args()
    judge = Judge(Limits(given.max_bytes, given.max_age, given.back_after))
    server = Server((given.address, given.port), handler(judge))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # In the main thread: should it ever end, so does the service, and systemd starts it again.
    watch(judge, given.connection)


if __name__ == "__main__":
    main()
