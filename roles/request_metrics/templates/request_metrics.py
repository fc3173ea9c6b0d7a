# Managed by massive-deploy: edits are overwritten by the next up.
"""Counts the requests in nginx's access log for Prometheus. Standard library only.

The log is read in large pieces, each searched by one regular expression: what is left to Python is a line for each
kind of request, not for each request. Visitors cannot make up fields: nginx writes their quotes with a backslash.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

LINE = re.compile(
    rb'","status":(\d+),"bytes":\d+,"seconds":[\d.]+,"cache":"([^"]*)","layer":"([^"]*)","upstream":"[^"]*",'
    rb'"upstream_status":"[^"]*","upstream_connect_seconds":"[^"]*","upstream_first_byte_seconds":"([^"]*)",'
    rb'"upstream_seconds":"([^"]*)".*"port":"(\d+)"\}'
)
TIME = re.compile(rb"\d+\.\d+")
PIECE = 1 << 20
EVERY = 1.0
LINGER = 5.0
"""Seconds that a log which was moved away is still read: nginx writes to it until it has heard of that."""
CODES = ("200", "302", "404", "500", "502", "503", "504")
CACHES = (
    ("HIT", "edge"),
    ("HIT", "cache"),
    ("HIT", "disk"),
    ("STALE", "edge"),
    ("STALE", "cache"),
    ("MISS", "cache"),
    ("PASS", "cache"),
)

Found = tuple[bytes, bytes, bytes, bytes, bytes, bytes]


class Follower:
    """Reads what is added to a file, and goes on with the next one of that name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        self._moved = 0.0
        # What was there before this process counts for nothing.
        self._open(at_end=True)

    def read(self) -> bytes:
        """Whole lines that are new, about a mebibyte at most; empty when there are none."""
        if self._file is None and not self._open():
            return b""
        piece = self._file.read(PIECE) if self._file is not None else b""
        if not piece:
            self._look()
            return b""
        self._moved = 0.0
        lines, newline, self._rest = (self._rest + piece).rpartition(b"\n")
        if len(self._rest) > PIECE:
            self._rest = b""
        return lines + newline

    def _open(self, *, at_end: bool = False) -> bool:
        try:
            self._file = self.path.open("rb", buffering=0)
        except OSError:
            return False
        if at_end:
            self._file.seek(0, os.SEEK_END)
        return True

    def _look(self) -> None:
        """See whether the file was moved away or cut, now that it has nothing new."""
        if self._file is None:
            return
        mine = os.fstat(self._file.fileno())
        if self._file.tell() > mine.st_size:
            self._file.seek(0)
            self._rest = b""
        try:
            there = self.path.stat()
        except OSError:
            return
        if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
            return
        if not self._moved:
            self._moved = time.monotonic()
        elif time.monotonic() - self._moved >= LINGER:
            self._file.close()
            self._rest, self._moved = b"", 0.0
            self._file = None


class Times:
    """How many requests took how long, in intervals that end at these seconds."""

    def __init__(self, ends: Sequence[float]) -> None:
        self.ends = ends
        self.counts = [0] * (len(ends) + 1)
        self.sum = 0.0

    def add(self, seconds: float, count: int) -> None:
        """Count some requests that took so long."""
        self.counts[bisect_left(self.ends, seconds)] += count
        self.sum += seconds * count

    def lines(self, name: str, labels: str) -> Iterator[str]:
        """A histogram as Prometheus reads it."""
        total = 0
        for end, count in zip((*(f"{end:g}" for end in self.ends), "+Inf"), self.counts, strict=True):
            total += count
            yield name + "_bucket{" + f'{labels},le="{end}"' + "} " + str(total)
        yield name + "_sum{" + labels + "} " + f"{self.sum:.3f}"
        yield name + "_count{" + labels + "} " + str(total)


def seconds(text: bytes) -> float | None:
    """All times of a field together, of requests that went to several servers; None when it has none."""
    found = TIME.findall(text)
    return sum(map(float, found)) if found else None


class Counts:
    """All that was counted. `app` is the port of the app server; without it there is none here. So with `edge`."""

    def __init__(self, ends: Sequence[float], *, edge: bool, app: int | None) -> None:
        self.servers = (*(["edge"] if edge else []), *(["app"] if app else []))
        self.app = str(app).encode()
        self.codes: Counter[tuple[str, str]] = Counter()
        self.caches: Counter[tuple[str, str]] = Counter()
        self.first = {server: Times(ends) for server in self.servers}
        self.busy = dict.fromkeys(self.servers, 0.0)
        self.unread = 0
        self._lock = threading.Lock()

    def take(self, lines: bytes) -> None:
        """Count the requests of these lines."""
        kinds: Counter[Found] = Counter(LINE.findall(lines))
        with self._lock:
            self.unread += lines.count(b"\n") - kinds.total()
            for kind, count in kinds.items():
                self._add(kind, count)

    def _add(self, kind: Found, count: int) -> None:
        code, cache, layer, first, upstream, port = kind
        server = "app" if port == self.app else "edge"
        if server not in self.first:
            return
        self.codes[server, code.decode()] += count
        if server == "edge" and cache:
            self.caches[cache.decode("ascii", "replace"), layer.decode("ascii", "replace")] += count
        took, whole = seconds(first), seconds(upstream)
        # Who got no first byte waited all the time.
        wait = took if took is not None else whole
        if wait is None and server == "edge":
            wait = 0.0
        if wait is not None:
            self.first[server].add(wait, count)
        # A websocket keeps nobody busy.
        if whole is not None and code != b"101":
            self.busy[server] += whole * count

    def lines(self) -> Iterator[str]:
        """As Prometheus reads them. What has not happened yet is there as well: its first time is a rise, too."""
        with self._lock:
            codes = self.codes + Counter()
            caches = self.caches + Counter()
            times = [line for server in self.servers for line in self._times(server)]
            busy, unread = dict(self.busy), self.unread
        yield "# TYPE massive_requests_total counter"
        for server, code in sorted({*codes, *((server, code) for server in self.servers for code in CODES)}):
            yield sample("massive_requests_total", codes[server, code], server=server, code=code)
        if "edge" in self.servers:
            yield "# TYPE massive_cached_requests_total counter"
            for cache, layer in sorted({*caches, *CACHES}):
                yield sample("massive_cached_requests_total", caches[cache, layer], cache=cache, layer=layer)
        yield "# TYPE massive_first_byte_seconds histogram"
        yield from times
        yield "# TYPE massive_upstream_seconds_total counter"
        for server, spent in busy.items():
            yield sample("massive_upstream_seconds_total", round(spent, 3), server=server)
        yield "# TYPE massive_log_lines_unread_total counter"
        yield f"massive_log_lines_unread_total {unread}"

    def _times(self, server: str) -> Iterator[str]:
        return self.first[server].lines("massive_first_byte_seconds", f'server="{server}"')


def sample(name: str, value: float, **labels: str) -> str:
    """One line with labels."""
    return name + "{" + ",".join(f'{label}="{text}"' for label, text in labels.items()) + "} " + str(value)


def handler(counts: Counts, slots: int, maintenance: Path | None) -> type[BaseHTTPRequestHandler]:
    """Answers GET /metrics."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path != "/metrics":
                self.send_error(404)
                return
            lines = list(counts.lines())
            if slots:
                lines += ["# TYPE massive_app_slots gauge", f"massive_app_slots {slots}"]
            if maintenance is not None:
                lines += ["# TYPE massive_maintenance gauge", f"massive_maintenance {int(maintenance.exists())}"]
            body = ("\n".join(lines) + "\n").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Scrapes are not worth a line each."""

    return Handler


class Server(ThreadingHTTPServer):
    """A caller that hangs up is no news."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about lost connections."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main() -> None:
    """Count until the process ends."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--address", required=True)
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--log", type=Path, required=True)
    words.add_argument("--seconds", required=True, help="ends of the intervals, with commas between")
    words.add_argument("--maintenance", type=Path, help="on an edge: the file that closes the site")
    words.add_argument("--app", type=int, help="the app server's port, where there is one")
    words.add_argument("--slots", type=int, default=0, help="requests it works on side by side")
    given = words.parse_args()
    ends = sorted({float(end) for end in given.seconds.split(",")})
    counts = Counts(ends, edge=given.maintenance is not None, app=given.app)
    follower = Follower(given.log)
    server = Server((given.address, given.port), handler(counts, given.slots, given.maintenance))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # In the main thread: should it ever end, so does the service, and systemd starts it again.
    while True:
        while lines := follower.read():
            counts.take(lines)
        time.sleep(EVERY)


if __name__ == "__main__":
    main()
