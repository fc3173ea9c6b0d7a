"""What must not happen to the address that moves."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.topology.layout import Layout


def units(layout: Layout) -> Mapping[str, str]:  # noqa: ARG001 - the same for every stack
    """What must be active."""
    return {"keepalived.service": "Nothing as long as another edge server has the shared address."}
