"""One run at a time: `flock` on every host, held by the SSH connection, so the kernel frees it when the holder dies.

Beside it there is the manual lock: a file that a person puts on the hosts to keep runs away until it is released.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from massive_deploy.engine import lock_script
from massive_deploy.engine.lock_script import LOCK, MANUAL
from massive_deploy.errors import HostFailure, HostsFailed, Locked

__all__ = ["LOCK", "MANUAL", "Manual", "command", "holder", "locked", "who"]

if TYPE_CHECKING:
    from massive_deploy.engine.transport import Fleet

AT_ONCE = 64
POLL = 1.0
"""Seconds between two tries of a run that waits."""


def line(text: str) -> str:
    """The text as one printable line: what people write into a lock must not steer another's terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def who() -> str:
    """This user at this machine."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def holder(reason: str) -> str:
    """Who holds it, for the next one who asks."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return line(f"{who()} pid {os.getpid()} since {now}: {reason}")


@dataclass(frozen=True, slots=True)
class Manual:
    """A manual lock: who put it there, when (UTC), and why."""

    holder: str
    at: str
    message: str

    def __str__(self) -> str:
        return line(f"{self.holder} since {self.at}: {self.message}")

    def dump(self) -> str:
        """The line of the file on the host."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def parse(cls, text: str) -> Manual:
        """From the file's line; any other text, as someone wrote it by hand, is the message."""
        try:
            found = json.loads(text)
            return cls(str(found["holder"]), str(found["at"]), str(found["message"]))
        except (ValueError, KeyError, TypeError):
            return cls("someone", "an unknown time", line(text))


def command(text: str) -> str:
    """The holding command: prints `held` and stays until its input ends, or prints who holds the lock."""
    return lock_script.hold(line(text))


@contextmanager
def locked(
    fleet: Fleet,
    hosts: Iterable[str],
    reason: str,
    wait: float = 0,
    say: Callable[[str], None] | None = None,
    inventory: str = "INVENTORY",
) -> Iterator[None]:
    """Hold the lock on these hosts for the time of the block.

    Args:
        fleet: connections.
        hosts: names; waited for in order, so that two runs never wait for each other.
        reason: what for; shown to others.
        wait: seconds to wait, in all, for other runs to end.
        say: told once a host that it is waited for, and for whom.
        inventory: what to name in the commands that errors propose.

    Raises:
        Locked: another run holds it on one of them, or there is a manual lock; says who.
        HostsFailed: one of them does not let it be taken.
    """
    text = command(holder(reason))
    until = time.monotonic() + wait
    with ExitStack() as held:
        left = sorted(hosts)
        while left:
            # The first by itself: whoever has it is ahead of the others.
            held.callback(_close, _take(fleet, left.pop(0), text, until, say, inventory))
            for channel in _side_by_side(fleet, left, text):
                held.callback(_close, channel)
                left.pop(0)
        yield


def _side_by_side(fleet: Fleet, hosts: Sequence[str], text: str) -> list[Any]:
    """Try all at once; keeps those before the first that is not free, so that the order still holds."""
    if not hosts:
        return []
    with ThreadPoolExecutor(min(AT_ONCE, len(hosts))) as pool:
        tried = list(pool.map(lambda host: fleet.hold(host, text), hosts))
    free = list(takewhile(lambda one: one[0] == "held", tried))
    for _, channel in tried[len(free) :]:
        _close(channel)
    return [channel for _, channel in free]


def _take(fleet: Fleet, host: str, text: str, until: float, say: Callable[[str], None] | None, inventory: str) -> Any:
    said = False
    while True:
        first, channel = fleet.hold(host, text)
        if first == "held":
            return channel
        _close(channel)
        kind, _, told = first.partition(" ")
        if kind == "manual":
            raise Locked(
                f"{host} is locked by {Manual.parse(told)}",
                f"ask them; then: massive-deploy lock release {inventory}",
            )
        if kind != "busy":
            raise HostsFailed([HostFailure(host, "connect", f"take the lock {LOCK}", first)])
        told = told or "it has not said who it is"
        if time.monotonic() >= until:
            raise Locked(
                f"another run holds the lock on {host}: {told}",
                "wait for it to end, then run this again; or let `up` wait with --lock-wait SECONDS",
            )
        if say is not None and not said:
            say(f"waiting for the lock on {host}: {told}")
        said = True
        time.sleep(min(POLL, max(0.0, until - time.monotonic())))


def _close(channel: Any) -> None:
    stdin, _stdout = channel
    stdin.close()
    stdin.channel.close()
