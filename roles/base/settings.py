"""Settings of the base role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict
from massive_deploy.topology.units import Megabytes


class Settings(Strict):
    """What every host has."""

    journal: Megabytes = Field(default=200, ge=16, le=65536)
    """The journal's share of the disk; the oldest entries go first."""
    access_logs: Megabytes = Field(default=2048, ge=64)
    """nginx's logs on a host take about this much of the disk at most, and two weeks; the oldest go first."""
    apt_lock_timeout: int = Field(default=600, ge=0, le=1200)
    """Seconds apt waits for another apt to finish."""
    time_sync: bool = True
    """Keep the clock right with systemd-timesyncd. Turn off where chrony or another daemon does it."""
    listen_backlog: int = Field(default=16384, ge=128, le=65535)
    """Longest queue of connections that wait to be accepted (net.core.somaxconn)."""
    swappiness: int = Field(default=10, ge=0, le=200)
    """How readily the kernel swaps (vm.swappiness); not set in containers, where it is the machine's own."""
