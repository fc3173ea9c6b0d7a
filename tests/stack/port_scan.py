"""Which TCP ports answer: run by Python's standard library alone, on a host or here.

python3 port_scan.py <<'WORDS'      # address first-last address port …
"""

from __future__ import annotations

import errno
import resource
import select
import socket
import sys
import time
from collections.abc import Iterable, Iterator

AT_ONCE = 4000
PATIENCE = 3.0
"""Seconds an answer may take: time for a second SYN."""


def opened(wanted: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Those of the (address, port) pairs that accept a connection."""
    pairs = list(wanted)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    size = min(AT_ONCE, hard - 100)
    for begin in range(0, len(pairs), size):
        yield from _batch(pairs[begin : begin + size])


def _batch(pairs: list[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    poll, waiting = select.poll(), {}
    for pair in pairs:
        one = socket.socket()
        one.setblocking(False)
        if one.connect_ex(pair) in {0, errno.EINPROGRESS}:
            poll.register(one, select.POLLOUT)
            waiting[one.fileno()] = (one, pair)
        else:
            one.close()
    end = time.monotonic() + PATIENCE
    while waiting and (left := end - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            one, pair = waiting.pop(number)
            poll.unregister(number)
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                yield pair
            one.close()
    for one, _ in waiting.values():
        one.close()


def words(text: str) -> Iterator[tuple[str, int]]:
    """Pairs from `address port` and `address first-last`."""
    given = text.split()
    for address, ports in zip(given[::2], given[1::2], strict=True):
        first, _, last = ports.partition("-")
        for port in range(int(first), int(last or first) + 1):
            yield address, port


if __name__ == "__main__":
    for address, port in opened(words(sys.stdin.read())):
        print(address, port)  # noqa: T201
