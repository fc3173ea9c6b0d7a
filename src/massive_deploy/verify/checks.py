"""Finding the roles' checks, and calling them host by host."""

from __future__ import annotations

import importlib
import inspect
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from massive_deploy import roles
from massive_deploy.view import HostView

_SSH_FAILURES = (
    "ssh: ",
    "Permission denied (",
    "Host key verification failed",
    "Connection closed by",
    "Connection reset by",
    "Connection timed out",
    "kex_exchange_identification",
    "Too many authentication failures",
)


@dataclass(frozen=True, slots=True)
class Check:
    """One `check_*` function of a role."""

    role: str
    name: str
    title: str
    call: Callable[[Any, HostView], None]


@dataclass(frozen=True, slots=True)
class Ran:
    """How long a check took, and what it raised, if it did."""

    seconds: float
    raised: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """One check to be made on one host, and where what it came to will be found."""

    check: Check
    host: str
    view: HostView
    ran: Future[Ran] = field(default_factory=Future)


def module_name(role: str) -> str:
    """Import name of the role's checks."""
    return f"{roles.__name__}.{role}.checks"


def has_checks(role: str) -> bool:
    """Whether the role's folder holds checks.py."""
    return (roles.folder(role) / "checks.py").is_file()


def discover(role: str) -> tuple[Check, ...]:
    """The role's checks in the order they are written; none when it has no checks.py."""
    if not has_checks(role):
        return ()
    module = importlib.import_module(module_name(role))
    found = [
        (name, value)
        for name, value in vars(module).items()
        if name.startswith("check_") and inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    return tuple(Check(role, name, title(name, value.__doc__), value) for name, value in found)


def title(name: str, doc: str | None) -> str:
    """The docstring's first line, or the function's name as words."""
    lines = (doc or "").strip().splitlines()
    return lines[0].strip() if lines else name.removeprefix("check_").replace("_", " ")


def unreachable(raised: BaseException) -> str:
    """What ssh itself said when it failed, or nothing when it did not.

    testinfra raises RuntimeError when ssh ends with 255; a command may also end so, but says something else.
    """
    if not isinstance(raised, RuntimeError) or not raised.args:
        return ""
    said = str(getattr(raised.args[0], "stderr", raised.args[0])).strip()
    return said if any(word in said for word in _SSH_FAILURES) else ""


def call_all(planned: Sequence[Planned], connect: Callable[[str], Any]) -> None:
    """Makes one host's checks one after another. Once ssh fails, the rest get the same error at once."""
    lost: BaseException | None = None
    host: Any = None
    for one in planned:
        if not one.ran.set_running_or_notify_cancel():
            continue
        begun = time.monotonic()
        raised = lost
        if lost is None:
            try:
                host = host or connect(one.host)
                _call(one, host)
            except BaseException as error:  # noqa: BLE001 - pytest.skip() and failures are raised on by the item
                raised = error
                lost = error if unreachable(error) else None
        one.ran.set_result(Ran(time.monotonic() - begun, raised))


def _call(planned: Planned, host: Any) -> None:
    """Makes a check. This machine failing to start a program says nothing of the host: then once more."""
    try:
        planned.check.call(host, planned.view)
    except OSError:
        planned.check.call(host, planned.view)
