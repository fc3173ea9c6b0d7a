"""Settings of the keepalived role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict


class Settings(Strict):
    """How the edge servers share `edge_address`."""

    router_id: int | None = Field(default=None, ge=1, le=255)
    """Number of this group of edge servers, another one for each group in a network. Default: from the inventory's
    name."""
    interval: int = Field(default=1, ge=1, le=10)
    """Seconds between two signs of life. A server that is gone is replaced after three of them."""
