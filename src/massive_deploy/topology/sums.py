"""Capacity arithmetic over the whole chain, before any host is touched: what does not fit is said with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from massive_deploy.errors import Problem

from .document import Document, read
from .layout import Host, Layout, Sum
from .nodes import Location

MEMORY = "memory in MiB"
SumsOf = Callable[[Layout], Iterable[Sum]]
MemoryOf = Callable[[Layout, Host], int]


def sums(layout: Layout, roles: Mapping[str, object]) -> tuple[Sum, ...]:
    """The sums of every running role (its `sums(layout)`), then one sum of memory for each host.

    A role's optional `memory(layout, host)` gives the MiB its processes may take on the host at most.
    """
    found: list[Sum] = []
    for name in layout.roles:
        of: SumsOf | None = getattr(roles[name], "sums", None)
        if of is not None:
            found += [replace(total, role=total.role or name) for total in of(layout)]
    found += [total for host in layout.hosts if (total := _memory(layout, host, roles)) is not None]
    return tuple(found)


def problems(found: Iterable[Sum], file: str) -> list[Problem]:
    """One problem for each sum that does not fit, at the line of what can be changed about it."""
    wrong = [total for total in found if not total.fits]
    document = read(Path(file)) if wrong and Path(file).is_file() else Document(Path(file), {})
    return [_problem(total, document) for total in wrong]


def _problem(total: Sum, document: Document) -> Problem:
    location = next((place for place in _places(total, document) if place in document.keys), ())
    line, column = document.position(location) if document.keys else (0, 0)
    what = f"{total.name}: {total.formula} = {total.total}, more than {total.limit}"
    settings = f"the settings of {total.role} (massive-deploy explain roles.{total.role})"
    fix = f"change {settings}"
    if total.name == MEMORY:
        fix = f"give the host more memory, or lower {settings}"
    return Problem(str(document.path), line, column, total.where or "sums", what, fix if total.role else "")


def _places(total: Sum, document: Document) -> list[Location]:
    """Where the user may have written what the sum comes from, the likeliest first."""
    own = [place for place in document.keys if place[:2] == ("roles", total.role) and len(place) == 3]
    return [*own, ("hosts", total.where), ("docker", "memory"), ("docker",), ("roles",), ("hosts",), ("stack",)]


def _memory(layout: Layout, host: Host, roles: Mapping[str, object]) -> Sum | None:
    terms: dict[str, int] = {}
    for name in layout.roles_of(host.name):
        of: MemoryOf | None = getattr(roles[name], "memory", None)
        if of is not None:
            terms[name] = of(layout, host)
    if not terms:
        return None
    formula = " + ".join(f"{name} {size}" for name, size in terms.items())
    largest = max(terms, key=lambda name: terms[name])
    return Sum(MEMORY, formula, sum(terms.values()), host.memory_mb, host.name, largest)
