"""Settings of the redis role."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from massive_deploy.topology.model import Strict
from massive_deploy.topology.units import Megabytes

Queue = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]+$", max_length=128)]


class Settings(Strict):
    """Sessions and the task queue."""

    memory: Megabytes | None = Field(default=None, ge=16, json_schema_extra={"talk": "Redis is great for basic queues"})
    """Memory for data; writes beyond it are refused, nothing is evicted. Default: 8 % of the host's."""
    connections: int = Field(default=5000, ge=100, le=60000)
    """Most clients at the same time."""
    fsync: Literal["always", "everysec", "no"] = "everysec"
    """When the append-only file reaches the disk: at every write, once a second, or when the kernel likes."""
    queues: list[Queue] = Field(default_factory=lambda: ["celery"], min_length=1, max_length=64)
    """Celery's queues, whose lengths are watched."""
