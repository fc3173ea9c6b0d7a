"""Settings of the pgpool role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict


class Settings(Strict):
    """How many sessions, where reads go, and how soon a pooler that went astray is started anew."""

    sessions: int | None = Field(default=None, ge=4, le=2000)
    """Sessions of each app host with each cluster; each holds a connection to every node. Default: derived, so that
    all fit max_connections: 64, or more where the host's processes need more."""
    route_reads: bool = False
    """Send reads of the writable aliases to replicas as well, outside of transactions that have written. A request
    may then miss what it has just written."""
    wrong_seconds: int = Field(default=3, ge=2, le=300)
    """Seconds pgPool may take another node for the leader than Patroni does, before it is started anew."""
    hang_seconds: int = Field(default=30, ge=10, le=600)
    """Seconds pgPool may leave a new session without an answer, before it is started anew."""
