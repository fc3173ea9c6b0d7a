"""Settings of request_metrics."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from massive_deploy.topology.model import Strict

METRICS = 9145

Seconds = Annotated[float, Field(gt=0, le=3600)]


class Settings(Strict):
    """How requests are counted."""

    seconds: list[Seconds] = Field(
        default_factory=lambda: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30], min_length=2, max_length=40
    )
    """Upper ends of the intervals in which times to the first byte are counted. Others would be lost between them:
    one of them should be `roles: monitoring: slow_seconds`."""
