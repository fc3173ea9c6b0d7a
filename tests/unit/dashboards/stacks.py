"""Layouts to derive dashboards from."""

from __future__ import annotations

from pathlib import Path

from massive_deploy.inventory import open_inventory
from massive_deploy.topology.layout import Layout

TOPOLOGY = """
name: shop
target: docker
docker: {{memory: 4GiB, subnet: 10.203.97.0/24}}
{more}
app: {{source: ., settings: shop.settings, worker: shop}}
"""


def layout(folder: Path, *lines: str) -> Layout:
    """Of a topology with these further lines."""
    (folder / "topology.yaml").write_text(TOPOLOGY.format(more="\n".join(lines)), encoding="utf-8")
    return open_inventory(folder).layout
