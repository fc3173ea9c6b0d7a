"""Who talks to whom: every permitted connection between two hosts, from what the roles serve and call."""

from __future__ import annotations

from collections.abc import Iterator

from massive_deploy.errors import InvalidInput, Problem

from .layout import Edge, Layout, Port


def edges(layout: Layout) -> tuple[Edge, ...]:
    """All edges, sorted. Calls to roles that are not in this stack are left out; a host's calls to itself are kept.

    Raises:
        InvalidInput: a role calls a port that the called role does not serve.
    """
    found: set[Edge] = set()
    wrong: list[Problem] = []
    running = {role: layout.running(role) for role in {*layout.calls, *layout.ports}}
    for caller, calls in layout.calls.items():
        for call in calls:
            targets = list(_targets(layout, call))
            if not targets and _misnamed(layout, call):
                role, _, named = call.partition(".")
                serves = ", ".join(port.name for port in layout.ports[role]) or "nothing"
                what = f"calls '{call}', but {role} serves no port '{named}'"
                wrong.append(Problem(f"roles/{caller}", 0, 0, "CALLS", what, f"{role} serves {serves}"))
            for role, served in targets:
                found |= {
                    Edge(source.name, caller, target.name, role, served.name, served.number, served.protocol)
                    for source in running[caller]
                    for target in running[role]
                }
    if wrong:
        raise InvalidInput(wrong)
    return tuple(sorted(found, key=lambda e: (e.source, e.source_role, e.target, e.target_role, e.port, e.service)))


def _targets(layout: Layout, call: str) -> Iterator[tuple[str, Port]]:
    """What a call means: `role.port`, or "*" for every port Prometheus scrapes."""
    name, _, wanted = call.partition(".")
    for role, ports in layout.ports.items():
        for port in ports:
            if (call == "*" and port.metrics) or (role == name and port.name == wanted):
                yield role, port


def _misnamed(layout: Layout, call: str) -> bool:
    return call != "*" and call.partition(".")[0] in layout.ports
