"""The dashboards of a layout, put together from what its roles show of themselves."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace

from massive_deploy import roles
from massive_deploy.dashboards.model import Dashboard, Row
from massive_deploy.graph_parts import TIERS
from massive_deploy.topology.layout import Layout

RowsOf = Callable[[Layout], tuple[Row, ...]]

# In the order of the pages' menu. A page that is not here, of a project's own role, comes last.
PAGES = {
    "overview": ("Overview", "Whether all is well, and where to look when it is not."),
    "edge": ("Edge", "The servers that visitors reach first."),
    "cache": ("Caches", "What is answered from memory instead of being computed again."),
    "app": ("App servers", "Where the Django project runs."),
    "pooler": ("Poolers and balancers", "The way from the project to the databases."),
    "database": ("Databases", "PostgreSQL itself, and who leads."),
    "replication": ("Replication", "How far the replicas are behind their leader."),
    "shards": ("Shards", "Each database cluster beside the others."),
    "hosts": ("Hosts", "CPU, memory, disks and network of every machine."),
    "monitoring": ("Monitoring", "Whether monitoring itself can be relied on."),
}


def dashboards(layout: Layout) -> tuple[Dashboard, ...]:
    """Every page that has a panel. Roles that nobody runs show nothing, nor do panels that need one of them."""
    found: dict[str, dict[str, Row]] = {}
    for role in _present(layout):
        for row in _rows(role)(layout):
            panels = tuple(panel for panel in row.panels if all(layout.running(need) for need in panel.needs))
            if panels:
                page = found.setdefault(row.page, {})
                known = page.get(row.title)
                page[row.title] = replace(row, panels=(*known.panels, *panels) if known else panels)
    order = [name for name in PAGES if name in found] + [name for name in found if name not in PAGES]
    return tuple(Dashboard(name, *title(name), tuple(found[name].values())) for name in order)


def title(page: str) -> tuple[str, str]:
    """A page's title and what it is about."""
    return PAGES.get(page, (page.replace("-", " ").replace("_", " ").capitalize(), ""))


def _present(layout: Layout) -> list[str]:
    """Roles that someone runs and that have panels, along a request's way; those of every host after the others."""
    order = [part for _, parts in TIERS for part in parts]

    def place(role: str) -> tuple[int, str]:
        parts = roles.load(role).PLACED_ON
        return min((order.index(part) for part in parts if part in order), default=len(order)), role

    known = set(roles.names())
    present = [role for role in layout.roles if layout.running(role) and role in known]
    return sorted((role for role in present if (roles.folder(role) / "panels.py").is_file()), key=place)


def _rows(role: str) -> RowsOf:
    rows: RowsOf = importlib.import_module(f"{roles.__name__}.{role}.panels").rows
    return rows
