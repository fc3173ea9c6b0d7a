"""What roles' checks share: units that stay up, and states that take a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], good: Callable[[T], bool], seconds: float, pause: float = 2) -> T:
    """What `look` found as soon as it is good, or at last when the seconds are over: assert on it."""
    end = time.monotonic() + seconds
    while not good(found := look()) and time.monotonic() < end:
        time.sleep(pause)
    return found


def stay_up(host: Any, *units: str) -> None:
    """Assert that the units run, start at boot, and do not restart within two seconds.

    Being active alone proves nothing: a unit that crashes and is restarted is active most of the time.
    """
    show = f"systemctl show -p NRestarts,MainPID {' '.join(units)}"
    before = host.check_output(f"{show}; sleep 2")
    for unit in units:
        if not (host.service(unit).is_running and host.service(unit).is_enabled):
            raise AssertionError(f"{unit} does not run, or would not start at boot")
    if host.check_output(show) != before:
        raise AssertionError(f"one of {', '.join(units)} has restarted meanwhile")
