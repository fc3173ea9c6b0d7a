"""What `plan` and `up` refuse: edits that would take data away. Nothing is touched when a guard says no."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from massive_deploy.errors import Refused

if TYPE_CHECKING:
    from massive_deploy.desired import Guard
    from massive_deploy.engine.narrow import Selection
    from massive_deploy.engine.observed import Observed
    from massive_deploy.inventory import Inventory
    from massive_deploy.render import Rendered
    from massive_deploy.topology.layout import Host

Holdings = Callable[["Inventory", Iterable["Host"]], Mapping[str, str]]


def refuse_loss(inventory: Inventory, lose: Collection[str] = (), look: Holdings = lambda _, __: {}) -> None:
    """Refuse a topology that renames the inventory, drops database hosts (unless each is named in `lose`), or changes
    more than one member of etcd. `look` says what hosts hold, for the table.

    Raises:
        Refused: names each host and what is on it.
    """
    _refuse_rename(inventory, lose)
    holding = [host for host in inventory.layout.leaving if host.name not in lose and _had_data(inventory, host)]
    if holding:
        seen = look(inventory, holding)
        table = "\n".join(f"    {_what_it_holds(host)}{seen.get(host.name, '')}" for host in holding)
        names = (host.name for host in holding)
        raise Refused(
            f"the topology no longer has a place for hosts with data:\n{table}",
            f"put `replicas` and `shards` back, or: {_go_on(inventory, names)}",
        )
    _refuse_moved_quorum(inventory, lose)


def _go_on(inventory: Inventory, words: Iterable[str]) -> str:
    return f"massive-deploy up {inventory.folder} --lose {','.join(words)}"


def _had_data(inventory: Inventory, host: Host) -> bool:
    """Whether a database host leaves now; without parts in the record, it was given up in an earlier run."""
    recorded = inventory.recorded
    return host.cluster is not None and recorded is not None and bool(recorded.hosts[host.name].parts)


def _what_it_holds(host: Host) -> str:
    return f"{host.name} ({host.address}): a copy of database cluster {host.cluster}"


def _refuse_rename(inventory: Inventory, lose: Collection[str]) -> None:
    recorded = inventory.recorded
    if recorded is None or recorded.name in {None, inventory.name}:
        return
    if recorded.target == "ssh" and recorded.name in lose:
        return
    clusters = sorted({host.cluster for host in recorded.hosts.values() if host.cluster is not None})
    held = ", ".join(f"{recorded.name}-{number}" for number in clusters)
    what = f"this inventory was set up as {recorded.name}; under another name its database clusters ({held}) are lost"
    put_back = f"put `name: {recorded.name}` back"
    if recorded.target == "docker":
        raise Refused(
            f"{what}, and its machines would be made anew", f"{put_back}; or destroy it under that name first"
        )
    raise Refused(what, f"{put_back}, or: {_go_on(inventory, [str(recorded.name)])}")


def _refuse_moved_quorum(inventory: Inventory, lose: Collection[str]) -> None:
    _refuse_other_address(inventory)
    move = quorum_move(inventory)
    if move is None:
        return
    left, joined = move
    told = (
        f"this edit would change etcd's members, the memory of who leads each database cluster: "
        f"{', '.join(sorted(left)) or 'none'} would leave, {', '.join(sorted(joined)) or 'none'} would join"
    )
    if len(left) != 1 or len(joined) != 1:
        raise Refused(told, "change one member at a time: keep the others in the topology")
    if not left <= set(lose):
        words = sorted(left | set(lose))
        raise Refused(
            told,
            f"keep it there; or, while the others are healthy: {_go_on(inventory, words)}",
        )


def _refuse_other_address(inventory: Inventory) -> None:
    before, now = _quorum(inventory)
    moved = [
        f"{name} ({before[name]} until now, {now[name]} in the topology)"
        for name in now
        if name in before and before[name] != now[name]
    ]
    if moved:
        raise Refused(
            f"a member of etcd keeps its address, by which the others know it: {', '.join(moved)}",
            "put the address back; a member is replaced by taking its name out of the topology",
        )


def quorum_move(inventory: Inventory) -> tuple[frozenset[str], frozenset[str]] | None:
    """Names of etcd's members that (leave, join) with this topology; None when all stay or none is recorded."""
    before, now = (frozenset(members) for members in _quorum(inventory))
    return (before - now, now - before) if before and before != now else None


def _quorum(inventory: Inventory) -> tuple[dict[str, str], dict[str, str]]:
    """Addresses of etcd's members by name: as recorded, and as the topology has them."""
    recorded = inventory.recorded.hosts if inventory.recorded is not None else {}
    before = {name: host.address for name, host in recorded.items() if "quorum" in host.parts}
    return before, {host.name: host.address for host in inventory.layout.hosts if "quorum" in host.parts}


def leaving(inventory: Inventory) -> Iterator[str]:
    """One line for each host that the topology no longer has and that still runs."""
    for host in inventory.layout.leaving:
        yield (
            f"{host.name} ({host.address}) is no longer in the topology and still runs; "
            f"take it out with: massive-deploy retire {inventory.folder} {host.name}"
        )


def refuse_endangered(
    inventory: Inventory,
    rendered: Rendered,
    observed: Mapping[str, Observed],
    lose: Collection[str],
    selection: Selection,
) -> None:
    """Refuse when a role's guard found something on a host that was not given up by name.

    Raises:
        Refused: a table of host and what is there, and for each guard what to do instead.
    """
    found = [
        (host, guard, seen)
        for host, guard, seen in endangered(rendered, observed, selection)
        if not guard.word or guard.word not in lose
    ]
    if not found:
        return
    table = "\n".join(f"    {host}: {line}" for host, _, seen in found for line in seen.splitlines())
    instead = "; ".join(dict.fromkeys(guard.instead for _, guard, _ in found))
    if all(guard.word for _, guard, _ in found):
        words = sorted({*(guard.word for _, guard, _ in found), *lose})
        instead += f"; or: {_go_on(inventory, words)}"
    raise Refused(f"this would endanger what is there:\n{table}", instead)


def endangered(
    rendered: Rendered, observed: Mapping[str, Observed], selection: Selection
) -> Iterator[tuple[str, Guard, str]]:
    """(host, guard, what it found) for every guard of the chosen roles that found something."""
    for host, roles in rendered.items():
        for role, wanted in roles.items():
            if host not in observed or (selection.roles and role not in selection.roles):
                continue
            for guard in wanted.guards:
                if seen := observed[host].guards.get(f"{role}/{guard.name}", ""):
                    yield host, guard, seen
