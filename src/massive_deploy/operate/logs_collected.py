"""The journals of hosts as the receiver has them: of all at once, and of those that do not answer any more."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from massive_deploy.collected import patterns, receiver
from massive_deploy.operate.logs import Query, journal, line, only, script

if TYPE_CHECKING:
    from massive_deploy.engine.transport import Fleet
    from massive_deploy.topology.layout import Layout

PATIENCE = 120
NOTHING = "has sent nothing"


@dataclass(frozen=True, slots=True)
class Found:
    """What the receiver has: the text of each host, and why there is none of some."""

    texts: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


def read(fleet: Fleet, layout: Layout, units: Mapping[str, Collection[str]], query: Query) -> Found:
    """Ask the receiver, which the fleet is connected to, for these hosts' units."""
    collects = receiver(layout)
    if collects is None:
        return Found({}, dict.fromkeys(units, "its journal is collected nowhere"))
    mark = secrets.token_hex(8)
    output = fleet.run(collects.name, request(layout, units, query, mark), timeout=PATIENCE)
    if not output.ok:
        return Found({}, dict.fromkeys(units, f"{collects.name}: {output.cause}"))
    return answer(output.stdout, mark)


def request(layout: Layout, units: Mapping[str, Collection[str]], query: Query, mark: str) -> str:
    """Prints a line with the mark and the name before what each host has sent, and one with the mark alone if nothing.

    The receiver's own journal is not among those that were sent.
    """
    collects = receiver(layout)
    parts = []
    for host, names in units.items():
        begin = f"echo; echo {shlex.quote(f'{mark} {host}')}"
        if collects is not None and host == collects.name:
            parts.append(f"{begin}\n{script(names, query)}")
            continue
        # Host names and addresses need no quoting; the patterns must not have it.
        listed = " ".join(patterns(layout.host(host)))
        files = f'set --; for file in {listed}; do if [ -e "$file" ]; then set -- "$@" "--file=$file"; fi; done'
        shown = f'{shlex.join(journal(names, query))} "$@" </dev/null{only(query)} || true'
        parts.append(f"{begin}\n{files}\nif [ $# -gt 0 ]; then {shown}; else echo {mark}; fi")
    return "\n".join(parts)


def answer(text: str, mark: str) -> Found:
    """What `request` printed, by host."""
    texts, missing = {}, {}
    for part in text.split(f"\n{mark} ")[1:]:
        host, _, said = part.partition("\n")
        if said.strip() == mark:
            missing[host] = NOTHING
        else:
            texts[host] = without_doubles(said)
    return Found(texts, missing)


def without_doubles(text: str) -> str:
    """The journal without what came twice: a sender that was cut off begins its whole last request again."""
    entries: list[list[str]] = []
    for row in text.splitlines():
        if not entries or line("", row).at is not None:
            entries.append([])
        entries[-1].append(row)
    return "".join(f"{row}\n" for entry in dict.fromkeys(map(tuple, entries)) for row in entry)
