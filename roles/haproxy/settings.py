"""Settings of the haproxy role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict

METRICS = 8405


class Settings(Strict):
    """Limits and patience of the balancer on each app host."""

    max_connections: int = Field(default=2000, ge=100, le=100_000)
    """Connections at the same time, databases and Redis together."""
    check_ms: int = Field(default=1000, ge=100, le=60_000)
    """Milliseconds between health checks of a node that is well; half of it around changes."""
    connect_ms: int = Field(
        default=1000,
        ge=100,
        le=60_000,
        json_schema_extra={"talk": "Be sure to adjust timeouts in case of server failure."},
    )
    """Milliseconds to wait for a connection before another node is tried."""
    leader_wait_seconds: int = Field(default=45, ge=1, le=600)
    """Seconds a new connection waits for a leader while there is none; longer than a failover takes."""
    idle_seconds: int = Field(default=7200, ge=600)
    """Seconds without a byte after which a connection is closed; longer than the longest query."""
    hard_stop_seconds: int = Field(default=60, ge=1)
    """Seconds after a reload in which old connections must end."""
