"""Visitors of an edge: any header, many at once, and what each of them got."""

from __future__ import annotations

import gzip
import http.client
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

_fresh = count(1)


@dataclass(frozen=True)
class Reply:
    """One answer, after how many seconds; headers by small letters. Status 0: none came, the body says why."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    seconds: float

    @property
    def body(self) -> str:
        packed = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.raw) if packed else self.raw).decode("utf-8", "replace")

    @property
    def cache(self) -> str:
        return self.headers.get("x-cache", "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.status} {self.cache} {self.seconds:.2f} s {self.body[:200]!r}"


@dataclass(frozen=True)
class Site:
    """An edge, by its address."""

    address: str
    port: int = 80

    def ask(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: bytes | None = None,
        timeout: float = 20,
    ) -> Reply:
        """One request over a connection of its own."""
        start = time.monotonic()
        connection = http.client.HTTPConnection(self.address, self.port, timeout=timeout)
        try:
            return _over(connection, path, headers, method, body, start)
        except (OSError, http.client.HTTPException) as error:
            return _none(error)
        finally:
            connection.close()

    def local_address(self) -> str:
        """Whom the edge takes us for."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=10)
        connection.connect()
        with connection.sock as sock:
            return str(sock.getsockname()[0])

    def at_once(self, path: str, count: int, headers: Mapping[str, str] | None = None) -> list[Reply]:
        """As many clients, each connected before the first of them asks."""
        ready, replies = threading.Event(), [Reply(0, {}, b"never asked", 0.0)] * count

        def visit(number: int) -> None:
            connection = http.client.HTTPConnection(self.address, self.port, timeout=30)
            try:
                connection.connect()
                ready.wait(60)
                replies[number] = _over(connection, path, headers, "GET", None, time.monotonic())
            except (OSError, http.client.HTTPException) as error:
                replies[number] = _none(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=visit, args=(number,), daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        ready.set()
        for thread in threads:
            thread.join(60)
        return replies

    @contextmanager
    def herd(self, paths: Sequence[str], clients: int, pause: float = 0.0) -> Iterator[Herd]:
        """Clients that keep their connection and ask for these paths over and over until the block ends."""
        seen = Herd()
        done = threading.Event()

        def visit() -> None:
            connection = http.client.HTTPConnection(self.address, self.port, timeout=30)
            while not done.is_set():
                for path in paths:
                    try:
                        seen.add(path, _over(connection, path, None, "GET", None, time.monotonic()))
                    except (OSError, http.client.HTTPException) as error:
                        seen.add(path, _none(error))
                        connection.close()
                    time.sleep(pause)
            connection.close()

        threads = [threading.Thread(target=visit, daemon=True) for _ in range(clients)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        try:
            yield seen
        finally:
            done.set()
            for thread in threads:
                thread.join(40)
            seen.seconds = time.monotonic() - start


@dataclass
class Herd:
    """What a herd got: answers by path and status, the first failures, for how long it came."""

    counts: dict[tuple[str, int], int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, path: str, reply: Reply) -> None:
        key = (path, reply.status)
        self.counts[key] = self.counts.get(key, 0) + 1
        if reply.status != 200 and len(self.failures) < 20:
            self.failures.append(f"{time.strftime('%H:%M:%S')} {path} {reply}")

    def good(self, path: str) -> int:
        """How many answers 200 there were."""
        return self.counts.get((path, 200), 0)


def _over(
    connection: http.client.HTTPConnection,
    path: str,
    headers: Mapping[str, str] | None,
    method: str,
    body: bytes | None,
    start: float,
) -> Reply:
    connection.request(method, path, body, dict(headers or {}))
    answer = connection.getresponse()
    raw = answer.read()
    found: dict[str, str] = {}
    for given, value in answer.getheaders():
        name = given.lower()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return Reply(answer.status, found, raw, time.monotonic() - start)


def _none(error: Exception) -> Reply:
    return Reply(0, {}, f"{type(error).__name__}: {error}".encode(), 0.0)


def median(call: Callable[[], Reply], times: int) -> tuple[float, list[Reply]]:
    """The median of the seconds of so many requests one after the other, and all of them."""
    replies = [call() for _ in range(times)]
    return statistics.median(reply.seconds for reply in replies), replies


def until(seconds: float, call: Callable[[], Reply], true: Callable[[Reply], bool], what: str) -> Reply:
    """Ask until an answer is so; each 20 ms. Fails the test after some seconds, with the last answer."""
    end = time.monotonic() + seconds
    while True:
        reply = call()
        if true(reply):
            return reply
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what}; last: {reply}")
        time.sleep(0.02)


def unseen(path: str) -> str:
    """The page under an address nobody has asked for before."""
    return f"{path}{'&' if '?' in path else '?'}nobody={time.time_ns()}-{next(_fresh)}"
