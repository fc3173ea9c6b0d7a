"""Settings of the leader_watch role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict


class Settings(Strict):
    """How long a leader's host must be gone before its lock is freed, under `failover: {early: true}`."""

    interval_ms: int = Field(default=500, ge=100, le=5000)
    """Milliseconds between two looks at the leader."""
    patience: int = Field(default=3, ge=2, le=30)
    """Seconds for which neither PostgreSQL nor Patroni of the leader answers before a host votes against it. It also
    waits until the leader has missed a round of Patroni's loop (3 s at `speed: fast`, 6 normal, 11 safe)."""
    vote_lifetime: int = Field(default=3, ge=2, le=30)
    """Seconds after which the vote of a host that has died itself no longer counts."""
