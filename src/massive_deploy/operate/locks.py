"""The locks of an inventory's hosts: who runs, and the manual lock that people take and release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from massive_deploy.engine import lock_script
from massive_deploy.engine.lock import Manual, line, who
from massive_deploy.errors import Locked, MassiveDeployError

if TYPE_CHECKING:
    from massive_deploy.engine.step import Output
    from massive_deploy.operate.observe import Session


@dataclass(frozen=True, slots=True)
class HostLock:
    """One host's locks: who runs there now (empty: nobody), the manual lock, or why the host did not tell."""

    host: str
    run: str = ""
    manual: Manual | None = None
    problem: str = ""

    @property
    def free(self) -> bool:
        """Whether a run may start here, as far as the host told."""
        return not self.run and self.manual is None


def parse(host: str, output: Output) -> tuple[HostLock, bool]:
    """What a host printed, and whether it took the manual lock just now."""
    if not output.ok:
        return HostLock(host, problem=output.cause.splitlines()[-1]), False
    words = [text.partition(" ") for text in output.stdout.splitlines()]
    told = {kind: rest for kind, _, rest in words}
    manual = Manual.parse(told["manual"]) if "manual" in told else None
    return HostLock(host, line(told.get("busy", "")), manual), "done" in told


def status(opened: Session) -> list[HostLock]:
    """Each host's locks, by name; takes none."""
    found = [parse(host, output)[0] for host, output in _everywhere(opened, lock_script.status()).items()]
    return sorted([*found, *_silent(opened)], key=lambda one: one.host)


def acquire(opened: Session, message: str, inventory: str) -> list[HostLock]:
    """Put a manual lock on all hosts that answer, or on none of them.

    Raises:
        Locked: there is one already; says whose.
        MassiveDeployError: no host answers.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    lock = Manual(who(), now, line(message))
    outputs = _everywhere(opened, lock_script.acquire(), lock.dump())
    found = {host: parse(host, output) for host, output in outputs.items()}
    taken = [host for host, (_, done) in found.items() if done]
    other = next((one for one, _ in found.values() if one.manual is not None), None)
    if other is not None:
        opened.fleet.run_all(dict.fromkeys(taken, lock_script.release()))
        raise Locked(
            f"{other.host} is locked already by {other.manual}",
            f"ask them; then: massive-deploy lock release {inventory}",
        )
    if not taken:
        raise MassiveDeployError("no host answers, so there is nowhere to put the lock", "see massive-deploy status")
    mine = [HostLock(host, one.run, lock if done else None, one.problem) for host, (one, done) in found.items()]
    return sorted([*mine, *_silent(opened)], key=lambda one: one.host)


def release(opened: Session) -> list[HostLock]:
    """Remove the manual lock from every host that answers; returns what was there."""
    found = [parse(host, output)[0] for host, output in _everywhere(opened, lock_script.release()).items()]
    return sorted([*found, *_silent(opened)], key=lambda one: one.host)


def _everywhere(opened: Session, script: str, stdin: str = "") -> Mapping[str, Output]:
    return opened.fleet.run_all(dict.fromkeys(opened.reach, script), dict.fromkeys(opened.reach, stdin), timeout=20)


def _silent(opened: Session) -> list[HostLock]:
    return [HostLock(host, problem=why) for host, why in opened.silent.items()]
