"""Settings of the nginx role."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from massive_deploy.topology.model import Strict

Network = Annotated[str, Field(pattern=r"^(\d{1,3}\.){3}\d{1,3}(/\d{1,2})?$")]


class Settings(Strict):
    """The edge."""

    trusted_proxies: list[Network] = Field(default_factory=list)
    """Addresses of balancers before the edge, whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    frame_options: str = Field(default="SAMEORIGIN", pattern=r"^(SAMEORIGIN|DENY)$")
    """Who may show the site in a frame, for answers that do not say it themselves."""
    read_timeout: int = Field(default=75, ge=1, le=3600)
    """Seconds to wait for the cache's answer; longer than the project's own timeout."""
