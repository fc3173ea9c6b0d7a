"""What a role refuses about the topology around it: settings that are right by themselves, but not together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from massive_deploy.errors import Problem

from .document import Document, read
from .layout import Layout
from .nodes import Location


@dataclass(frozen=True, slots=True)
class Conflict:
    """`location` is the value to blame, such as ("roles", "nginx", "tls"); `fix` is what to write instead."""

    location: Location
    what: str
    fix: str


ConflictsOf = Callable[[Layout], Iterable[Conflict]]


def conflicts(layout: Layout, roles: Mapping[str, object], file: Path) -> list[Problem]:
    """One problem for everything that a running role's optional `conflicts(layout)` yields, with its place."""
    found: list[Conflict] = []
    for name in layout.roles:
        of: ConflictsOf | None = getattr(roles[name], "conflicts", None)
        if of is not None:
            found += of(layout)
    document = read(file) if found and file.is_file() else Document(file, {})
    return [document.problem(conflict.location, conflict.what, conflict.fix) for conflict in found]
