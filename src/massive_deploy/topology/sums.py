"""Capacity arithmetic over the whole chain, before any host is touched: what does not fit is said with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from massive_deploy.errors import Problem

from .layout import Host, Layout, Sum

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
            found += of(layout)
    found += [total for host in layout.hosts if (total := _memory(layout, host, roles)) is not None]
    return tuple(found)


def problems(found: Iterable[Sum], file: str) -> list[Problem]:
    """One problem for each sum that does not fit."""
    return [
        Problem(
            file, 0, 0, total.where or "sums", f"{total.name}: {total.formula} = {total.total}, more than {total.limit}"
        )
        for total in found
        if not total.fits
    ]


def _memory(layout: Layout, host: Host, roles: Mapping[str, object]) -> Sum | None:
    terms: dict[str, int] = {}
    for name in layout.roles_of(host.name):
        of: MemoryOf | None = getattr(roles[name], "memory", None)
        if of is not None:
            terms[name] = of(layout, host)
    if not terms:
        return None
    formula = " + ".join(f"{name} {size}" for name, size in terms.items())
    return Sum("memory in MiB", formula, sum(terms.values()), host.memory_mb, host.name)
