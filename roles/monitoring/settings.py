"""Settings of the monitoring role."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from massive_deploy.topology.model import Strict
from massive_deploy.topology.units import Megabytes

from .routes import Mail, Slack, Url

PROMETHEUS, ALERTS, BLACKBOX = 9090, 9093, 9115

Percent = Annotated[int, Field(ge=1, le=100)]
Page = Annotated[str, Field(pattern=r"^[A-Za-z0-9][^\s\"'\\#]*$", max_length=500)]


class Settings(Strict):
    """What is kept, how often it is looked at, when people are told, and how."""

    scrape_seconds: int = Field(default=15, ge=5, le=300, json_schema_extra={"talk": "Monitor everything."})
    """Every metrics port is read this often, and alerts are judged this often."""
    keep_days: int = Field(default=30, ge=1, le=3650)
    """Samples older than this are dropped."""
    disk: Megabytes = Field(default=4096, ge=256)
    """Samples are dropped, oldest first, when they take more disk than this."""
    memory: Megabytes | None = Field(default=None, ge=64)
    """Prometheus tries to stay below this. Default: 30 % of the host's memory."""
    mail: Mail | None = None
    """Alerts are sent by mail. Default: they are not."""
    slack: Slack | None = None
    """Alerts are posted to Slack, Mattermost, Rocket.Chat or whatever takes what Slack takes. Default: they are not."""
    webhook: Url | None = None
    """Alerts are posted here, in Alertmanager's format. Default: they are not."""
    dead_man: Url | None = None
    """This URL is called every five minutes while monitoring lives: a watcher outside says when that stops."""
    runbooks: Page = "docs/alerts.md"
    """Where whoever is told about an alert reads on: a section for each alert follows after `#`."""
    outside: list[Url] = Field(default_factory=list, max_length=100)
    """Addresses of the site that the monitor host asks as visitors do, by way of DNS and whatever stands before the
    edge. Each edge host, and the address they share, is asked in any case."""
    disk_full_hours: int = Field(default=24, ge=1, le=720, json_schema_extra={"talk": "Disk space."})
    """A filesystem that will be full within this many hours, at the pace of the last six, raises an alert."""
    memory_low_percent: int = Field(default=7, ge=1, le=50, json_schema_extra={"talk": "Memory usage."})
    """A host with less available memory than this raises an alert."""
    cpu_busy_percent: Percent = Field(default=90, json_schema_extra={"talk": "CPU usage."})
    """A host whose CPUs are busier than this for half an hour raises an alert."""
    errors_percent: float = Field(default=2, gt=0, le=100)
    """More requests than this answered with 5xx, for a minute, raise an alert; at an edge and at an app host."""
    slow_seconds: float = Field(default=2, gt=0, le=600)
    """One request in twenty slower than this raises an alert; at an edge and at an app host."""
    busy_percent: Percent = 80
    """gunicorn that works on more than this part of the requests it can work on at once raises an alert."""
    cache_hit_percent: int = Field(default=30, ge=0, le=100)
    """An edge that finds fewer of the pages that may be kept than this in its caches raises an alert, above one such
    page a second."""
    queue_length: int = Field(default=100, ge=1)
    """More waiting tasks than this in a queue of Celery, not getting fewer for ten minutes, raise an alert."""
    certificate_days: int = Field(default=14, ge=1, le=365)
    """A certificate that ends within this many days raises an alert."""
