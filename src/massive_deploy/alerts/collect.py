"""The alerts of a layout, put together from what its roles say in alerts.py."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType

from massive_deploy import roles
from massive_deploy.alerts.model import Rule, Watched
from massive_deploy.topology.layout import Layout


def rules(layout: Layout) -> Mapping[str, tuple[Rule, ...]]:
    """By role, sorted by name. Roles that nobody runs have none."""
    found = {role: tuple(module.rules(layout)) for role, module in _modules(layout).items() if hasattr(module, "rules")}
    return {role: some for role, some in found.items() if some}


def watched(layout: Layout) -> tuple[Watched, ...]:
    """Units with the hosts that must have them, sorted by role. A role without any is watched by its metrics only."""
    return tuple(
        Watched(role, unit, names, feels)
        for role, module in _modules(layout).items()
        if hasattr(module, "units") and (names := _where(layout, role, module))
        for unit, feels in module.units(layout).items()
    )


def _where(layout: Layout, role: str, module: ModuleType) -> tuple[str, ...]:
    """Names of the role's hosts, or of those its `hosts(layout)` picks of them."""
    hosts = module.hosts(layout) if hasattr(module, "hosts") else layout.running(role)
    return tuple(host.name for host in hosts)


def _modules(layout: Layout) -> dict[str, ModuleType]:
    known = set(roles.names())
    present = sorted(role for role in layout.roles if role in known and layout.running(role))
    return {
        role: importlib.import_module(f"{roles.__name__}.{role}.alerts")
        for role in present
        if (roles.folder(role) / "alerts.py").is_file()
    }
