"""Settings of the monitoring role."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from massive_deploy.topology.model import Strict
from massive_deploy.topology.units import Megabytes

Url = Annotated[str, Field(pattern=r"^https?://[^\s\"'\\]+$")]


class Settings(Strict):
    """What is kept, how often it is looked at, and who is told."""

    scrape_seconds: int = Field(default=15, ge=5, le=300, json_schema_extra={"talk": "Monitor everything."})
    """Every metrics port is read this often, and alerts are judged this often."""
    keep_days: int = Field(default=30, ge=1, le=3650)
    """Samples older than this are dropped."""
    disk: Megabytes = Field(default=4096, ge=256)
    """Samples are dropped, oldest first, when they take more disk than this."""
    memory: Megabytes | None = Field(default=None, ge=64)
    """Prometheus tries to stay below this. Default: 30 % of the host's memory."""
    webhook: Url | None = None
    """Alerts are posted here, in Alertmanager's format. Default: they are only shown on the monitor host."""
    dead_man: Url | None = None
    """This URL is called every five minutes while monitoring lives: a watcher outside says when that stops."""
    disk_full_hours: int = Field(default=24, ge=1, le=720, json_schema_extra={"talk": "Disk space."})
    """A filesystem that will be full within this many hours, at the pace of the last six, raises an alert."""
    memory_low_percent: int = Field(default=7, ge=1, le=50, json_schema_extra={"talk": "Memory usage."})
    """A host with less available memory than this raises an alert."""
