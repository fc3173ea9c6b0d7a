"""What every test of real hosts stands on."""

from __future__ import annotations

import pytest

# pyinfra's greenlets need their patches before anything else starts a thread.
import massive_deploy.engine.transport  # noqa: F401
from bench.growth import enough_inotify
from bench.process import Failed

HOSTS = 64
"""At a time, of all stacks."""


@pytest.fixture(scope="session", autouse=True)
def inotify() -> None:
    """Every systemd takes its part of what the kernel gives to root as a whole."""
    try:
        enough_inotify(HOSTS)
    except Failed as missing:
        pytest.fail(str(missing))
