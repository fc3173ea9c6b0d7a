"""What a run that was killed leaves behind on a host, and how the next one waits for it and clears it away.

A killed controller does not end the script that runs on a host: without a terminal nobody tells it. So every step holds
a lock on the host, and the next run's first step waits for it.
"""

from __future__ import annotations

from massive_deploy.engine.probe import STATE

STEP_LOCK = "/run/lock/massive-deploy.step"
UPLOADS = "/var/tmp/massive-deploy-"  # noqa: S108 - the names that follow cannot be guessed
LONGEST = 1900


def alone(script: str, patience: int) -> str:
    """The script, once no other step runs on the host; gives up after `patience` seconds."""
    late = "a step of an earlier run still goes on here"
    return f"exec 9>{STEP_LOCK}\nflock -w {patience} 9 || {{ echo '{late}' >&2; exit 1; }}\n{script}"


CLEAN = alone(f"rm -rf -- {UPLOADS}* {STATE}/stage.*", LONGEST - 60)
