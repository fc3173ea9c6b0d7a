"""What roles' checks share about systemd units."""

from __future__ import annotations

from typing import Any


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
