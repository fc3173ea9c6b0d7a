"""Ways in which all app servers are away: each is so for the time of the block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from harness import Stack

APPS = ("app-1", "app-2")


@contextmanager
def stopped(made: Stack) -> Iterator[None]:
    """gunicorn's sockets are gone; nginx of the app hosts is there."""
    for host in APPS:
        made.on(host, "systemctl stop app.socket app.service")
    try:
        yield
    finally:
        for host in APPS:
            made.on(host, "systemctl start app.socket app.service")


@contextmanager
def answering_503(made: Stack, query: str = "") -> Iterator[None]:
    """Django says of every page, and of its health, that it is not available."""
    # At the host itself: behind the edge nobody is asked any more.
    switch = f"curl -fsS -X POST http://{made.hosts()['app-1']['address']}:8000/fail"
    made.on("app-1", f"{switch}/on{query}")
    try:
        yield
    finally:
        made.on("app-1", f"{switch}/off")


@contextmanager
def pages_answering_503(made: Stack) -> Iterator[None]:
    """The same of pages only: probes find every app host healthy."""
    with answering_503(made, "?probes=ok"):
        yield


@contextmanager
def switched_off(made: Stack) -> Iterator[None]:
    """Nobody is at the app hosts' addresses."""
    for host in APPS:
        made.on(host, "ip route show default >/run/route; ip link set eth0 down")
    try:
        yield
    finally:
        for host in APPS:
            made.on(host, "ip link set eth0 up; ip route replace $(cat /run/route); rm /run/route")


Outage = Callable[[Stack], AbstractContextManager[None]]
OUTAGES: list[Outage] = [stopped, answering_503, pages_answering_503, switched_off]
