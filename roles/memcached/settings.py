"""Settings of the memcached role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict
from massive_deploy.topology.units import Megabytes

DATA = 11211
METRICS = 9150


class Settings(Strict):
    """The flat cache."""

    memory: Megabytes | None = Field(
        default=None, ge=8, json_schema_extra={"talk": "memcached if you only need a flat store."}
    )
    """Memory for items, per node. Default: 8 % of the host's."""
    connections: int = Field(default=4096, ge=64, le=100000)
    """Most clients at the same time."""
    max_item: Megabytes = Field(default=4, ge=1, le=128)
    """Largest item; rendered pages pass the usual limit of 1 MiB."""
