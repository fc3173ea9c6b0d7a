"""Settings of the etcd role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict
from massive_deploy.topology.units import Megabytes

CLIENT = 2379
PEER = 2380
METRICS = 2381
DATA = "/var/lib/etcd/massive-deploy"


class Settings(Strict):
    """How the members keep time and room."""

    heartbeat_ms: int = Field(default=100, ge=10, le=1000)
    """Milliseconds between the leader's heartbeats; about the round trip between members, or more."""
    election_ms: int = Field(default=1000, ge=100, le=10000)
    """Milliseconds without a heartbeat after which a new leader is elected; ten heartbeats or more."""
    quota: Megabytes = Field(default=512, ge=64, le=8192)
    """Size (MiB) at which the store stops taking writes. Patroni needs a few."""
    retention_hours: int = Field(default=1, ge=1, le=72)
    """Hours of history kept before compaction."""
