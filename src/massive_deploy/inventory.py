"""An inventory: a folder with a topology, opened, placed and checked. Everything else starts from here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from massive_deploy import roles as shelf
from massive_deploy.errors import InvalidInput, Problem
from massive_deploy.roles import Role
from massive_deploy.topology.conflicts import conflicts
from massive_deploy.topology.edges import edges
from massive_deploy.topology.layout import Layout, Sum
from massive_deploy.topology.load import load
from massive_deploy.topology.model import Topology
from massive_deploy.topology.place import place
from massive_deploy.topology.placement import FILE, Placement, load_placement, save_placement, with_sizes
from massive_deploy.topology.shards import ShardMap, agreed, recorded_shards, save_shards
from massive_deploy.topology.stacks import Stack
from massive_deploy.topology.sums import problems, sums

TOPOLOGY = "topology.yaml"


@dataclass(frozen=True, slots=True)
class Inventory:
    """One opened inventory; `settings` are its roles'. `placement` is what would be recorded, `recorded` what is.

    `shards` says where the logical shards are, None where there are none.
    """

    folder: Path
    name: str
    topology: Topology
    settings: Mapping[str, Any]
    stack: Stack
    layout: Layout
    placement: Placement
    recorded: Placement | None
    sums: tuple[Sum, ...]
    roles: Mapping[str, Role]
    warnings: tuple[Problem, ...] = ()
    project: Path | None = None
    shards: ShardMap | None = None


def open_inventory(path: Path, project: Path | None = None) -> Inventory:
    """The inventory in a folder (or of a topology file), loaded, placed and checked. Writes nothing.

    Raises:
        InvalidInput: no topology there, or everything that is wrong with it.
    """
    file = _file(path)
    project = project or find_project(file.parent)
    shelf.use(project)
    roles = shelf.catalogue()
    loaded = load(file, {name: role.Settings for name, role in roles.items()}, project)
    recorded = load_placement(file.parent / FILE)
    shards = agreed(
        loaded.topology, recorded_shards(file.parent), str(file), runs=recorded is not None and bool(recorded.hosts)
    )
    layout, placement = place(loaded.topology, loaded.stack, recorded, roles, loaded.settings)
    layout = replace(layout, shards=shards.shards if shards else ())
    edges(layout)
    if refused := conflicts(layout, roles, file):
        raise InvalidInput(refused)
    totals = sums(layout, roles)
    if wrong := problems(totals, str(file)):
        raise InvalidInput(wrong)
    return Inventory(
        folder=file.parent,
        name=loaded.topology.name,
        topology=loaded.topology,
        settings=loaded.settings,
        stack=loaded.stack,
        layout=layout,
        placement=placement,
        recorded=recorded,
        sums=totals,
        roles=roles,
        warnings=loaded.warnings,
        project=project,
        shards=shards,
    )


def save(inventory: Inventory, sizes: Mapping[str, tuple[int, int]] | None = None) -> bool:
    """Record placement and shards beside the topology, with (CPUs, MiB) as seen; False when that was done already."""
    new = inventory.shards is not None and save_shards(inventory.folder, inventory.shards)
    return new | save_placement(inventory.folder / FILE, with_sizes(inventory.placement, sizes or {}))


def find_project(folder: Path) -> Path | None:
    """The user's project: the folder above `inventories/` that has roles/ or stacks/, or None."""
    start = Path(os.path.abspath(folder))  # noqa: PTH100 - symlinked inventories belong where they are linked
    above = [parent.parent for parent in (start, *start.parents) if parent.name == "inventories"]
    for candidate in (start, *above):
        if any((candidate / kind).is_dir() for kind in ("roles", "stacks")):
            return candidate
    return None


def _file(path: Path) -> Path:
    file = path / TOPOLOGY if path.is_dir() else path
    if file.is_file() or file.is_symlink() or (file != path and file.is_dir()):
        return file  # reading it says what is wrong with it
    folder = path if path.is_dir() else path.parent
    around = {
        entry.parent.name
        for near in (folder, folder / "inventories", folder.parent)
        for entry in near.glob(f"*/{TOPOLOGY}")
    }
    there = f"there are inventories here: {', '.join(sorted(around))}; " if around else ""
    name = path.name if path.suffix == "" and path.name else "demo"
    fix = f"{there}make one with: massive-deploy init {name}"
    raise InvalidInput([Problem(str(file), 0, 0, "", "no topology here", fix)])
