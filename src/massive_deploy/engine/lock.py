"""One run at a time: `flock` on every host, held by the SSH connection, so the kernel frees it when the holder dies."""

from __future__ import annotations

import getpass
import os
import shlex
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from massive_deploy.errors import Locked, MassiveDeployError

if TYPE_CHECKING:
    from massive_deploy.engine.transport import Fleet

LOCK = "/run/lock/massive-deploy"


def holder(reason: str) -> str:
    """Who holds it, for the next one who asks."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return f"{getpass.getuser()}@{socket.gethostname()} pid {os.getpid()} since {now}: {reason}"


def command(text: str) -> str:
    """The holding command: prints `held` and stays until its input ends, or prints who holds the lock."""
    inner = f"printf '%s\\n' {shlex.quote(text)} >{LOCK}.holder; echo held; cat >/dev/null"
    outer = f"flock -n -E 75 {LOCK} sh -c {shlex.quote(inner)}; [ $? -ne 75 ] || cat {LOCK}.holder"
    return f"sh -c {shlex.quote(outer)}"


@contextmanager
def locked(fleet: Fleet, hosts: Iterable[str], reason: str) -> Iterator[None]:
    """Hold the lock on these hosts for the time of the block.

    Raises:
        Locked: another run holds it on one of them; says who.
    """
    text = command(holder(reason))
    channels = []
    try:
        for host in sorted(hosts):
            first, channel = fleet.hold(host, text)
            channels.append(channel)
            if not first:
                raise MassiveDeployError(f"cannot take the lock on {host}", f"ssh {host} and look at {LOCK}")
            if first != "held":
                raise Locked(
                    f"another run holds the lock on {host}: {first}", "wait for it to end, then run this again"
                )
        yield
    finally:
        for stdin, _stdout in channels:
            stdin.close()
            stdin.channel.close()
