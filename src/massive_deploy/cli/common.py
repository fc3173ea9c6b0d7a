"""What several commands share."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from massive_deploy.errors import MassiveDeployError

if TYPE_CHECKING:
    from massive_deploy.engine.narrow import Selection
    from massive_deploy.inventory import Inventory

InventoryPath = Annotated[
    Path, typer.Argument(help="Folder with topology.yaml.", metavar="INVENTORY", show_default=False)
]
Hosts = Annotated[list[str] | None, typer.Option("--hosts", help="Host names or globs, comma separated.")]
Roles = Annotated[list[str] | None, typer.Option("--roles", help="Role names or globs, comma separated.")]
Lose = Annotated[
    list[str] | None, typer.Option("--lose", help="Database hosts that the topology may leave out, by name.")
]
LockWait = Annotated[float, typer.Option("--lock-wait", min=0, help="Seconds to wait for another run.")]
Reason = Annotated[str, typer.Option("--reason", help="What for: shown to others, kept in the journal.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def echo_json(value: Any) -> None:
    """Indented JSON on standard output."""
    typer.echo(json.dumps(value, indent=2, default=str))


def split(values: Sequence[str] | None) -> tuple[str, ...]:
    """Words of a repeatable option that also takes commas."""
    return tuple(word.strip() for value in values or () for word in value.split(",") if word.strip())


def matching(patterns: Sequence[str], names: Iterable[str], what: str) -> list[str]:
    """Names that match one of the globs; all names when there is no glob.

    Raises:
        MassiveDeployError: a glob that matches nothing.
    """
    known = list(names)
    if not patterns:
        return known
    wanted = split(patterns)
    for pattern in wanted:
        if not fnmatch.filter(known, pattern):
            raise MassiveDeployError(f"no {what} matches '{pattern}'", f"there are: {', '.join(known)}")
    return [name for name in known if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)]


def select(inventory: Inventory, hosts: Sequence[str] | None, roles: Sequence[str] | None) -> Selection:
    """The chosen hosts and roles; a glob that matches nothing is an error."""
    from massive_deploy.engine.narrow import Selection

    layout = inventory.layout
    names = matching(hosts, [host.name for host in layout.hosts], "host") if hosts else []
    chosen = matching(roles, sorted(layout.roles), "role") if roles else []
    return Selection(tuple(names), tuple(chosen))
