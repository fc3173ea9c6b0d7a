"""What must not happen to the packet filter."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.topology.layout import Layout


def units(layout: Layout) -> Mapping[str, str]:
    """What must be active, unless the topology does without."""
    if not layout.settings["firewall"].enabled:
        return {}
    return {"massive-deploy-firewall.service": "Nothing. Every port a service listens on is open to whoever comes."}
