"""Settings of the pgbouncer role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict

PORT = 6432
METRICS = 9127
SOCKETS = "/run/postgresql"


class Settings(Strict):
    """How many connections, and how long they wait."""

    pool_size: int | None = Field(default=None, ge=1, le=1000)
    """Server connections of each database alias on each app host. Default: derived, so that all fit max_connections."""
    shards_pool_size: int | None = Field(default=None, ge=1, le=1000)
    """Server connections all logical shards together have on each app host. Default: half of what is there."""
    max_clients: int = Field(default=2000, ge=10, le=50_000)
    """Client connections of each app host."""
    query_wait_seconds: int = Field(default=60, ge=1)
    """Seconds a query waits for a server connection; longer than a failover takes."""
    server_lifetime_seconds: int = Field(default=60, ge=10)
    """Seconds after which a free server connection is renewed; so reads return to replicas after a failover."""
    prepared_statements: int = Field(default=200, ge=0)
    """Prepared statements tracked on each server connection; 0 turns them off."""
