"""`render`: all files of all hosts into a folder, no host touched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath


def render(
    inventory: InventoryPath,
    folder: Annotated[Path, typer.Argument(help="Folder to write into: one folder a host.")],
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Fetch no source and open no secret.")] = False,
) -> None:
    """Write what every host would get into a folder. Secret contents are masked; contacts no host."""
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.prepare import prepare

    count = 0
    for host, roles in prepare(open_inventory(inventory), offline=offline).rendered.items():
        (folder / host).mkdir(parents=True, exist_ok=True)
        for role, desired in roles.items():
            for file in desired.files:
                path = folder / host / file.path.lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("(secret)\n" if file.secret and not offline else file.content, encoding="utf-8")
                count += 1
            listing = folder / host / f"{role}.txt"
            lines = [f"package {name}" for name in desired.packages] + [f"unit {unit.name}" for unit in desired.units]
            lines += [f"task {task.name}" for task in desired.tasks]
            listing.parent.mkdir(parents=True, exist_ok=True)
            listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
    terminal().print(f"{count} files written to {folder}", markup=False)
