"""Settings of node_exporter."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from massive_deploy.topology.model import Strict

Collector = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Settings(Strict):
    """What each host tells about itself."""

    without: list[Collector] = Field(
        default_factory=lambda: ["ipvs", "nfs", "nfsd", "zfs", "infiniband"], max_length=64
    )
    """Collectors left out. Those of systemd (units) and of text files (what other roles tell) are always on."""
    network_interfaces: str = Field(default="^(veth|docker|br-|cali|cni)", pattern=r"^[^\s\"'\\$]+$")
    """Network interfaces whose name matches this regular expression are left out."""
