"""Settings of the journal_upload role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict


class Settings(Strict):
    """How the journal is sent."""

    retry_seconds: int = Field(default=10, ge=1, le=300)
    """Seconds until the next try when the receiver is away."""
    hang_seconds: int = Field(default=60, ge=10, le=3600)
    """A try that gets no answer for so long is given up."""
