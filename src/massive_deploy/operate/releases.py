"""The releases of the app hosts, as the hosts themselves tell: which one runs where, and which are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from massive_deploy.errors import Refused

if TYPE_CHECKING:
    from massive_deploy.operate.observe import Session

SCRIPT = r"""
cd /srv/app 2>/dev/null || exit 0
for link in current previous; do printf '%s\t%s\n' "$link" "$(basename "$(readlink "$link" || true)")"; done
for name in releases/*/.complete; do
    [ ! -e "$name" ] || { name=${name#releases/}; printf 'kept\t%s\n' "${name%/.complete}"; }
done
[ ! -e releases.log ] || sed 's/^/log\t/' releases.log
"""


@dataclass(frozen=True, slots=True)
class Event:
    """A host switched to a release, or went `back` from it. `at` is in seconds since 1970."""

    at: int
    what: str
    release: str
    ref: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class HostReleases:
    """One app host: the release it runs, the one before, all that are there, and what happened, the oldest first."""

    current: str = ""
    previous: str = ""
    kept: frozenset[str] = frozenset()
    log: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """One release over all app hosts. `at` is when a host last switched to it; None where no log tells."""

    release: str
    ref: str
    commit: str
    at: datetime | None
    current: tuple[str, ...]
    previous: tuple[str, ...]
    kept: tuple[str, ...]
    went_back: tuple[str, ...]


def read(opened: Session) -> dict[str, HostReleases]:
    """Ask every connected host."""
    outputs = opened.fleet.run_all(dict.fromkeys(opened.reach, SCRIPT), timeout=20)
    return {host: parse(output.stdout) for host, output in sorted(outputs.items()) if output.ok}


def parse(text: str) -> HostReleases:
    """What a host's script printed; lines that are not understood are skipped."""
    current = previous = ""
    kept, log = set(), []
    for line in text.splitlines():
        kind, *words = line.split("\t")
        if kind == "current" and words:
            current = words[0]
        elif kind == "previous" and words:
            previous = words[0]
        elif kind == "kept" and words:
            kept.add(words[0])
        elif kind == "log" and len(words) >= 3 and words[0].isdigit():
            log.append(Event(int(words[0]), *words[1:5]))
    return HostReleases(current, previous, frozenset(kept), tuple(log))


def table(hosts: Mapping[str, HostReleases]) -> list[Known]:
    """Every release that a host still has, the one that started last first."""
    names = {name for one in hosts.values() for name in {*one.kept, one.current} if name}
    found = [_known(name, hosts) for name in sorted(names)]
    return sorted(found, key=lambda one: one.at.timestamp() if one.at is not None else 0, reverse=True)


def _known(name: str, hosts: Mapping[str, HostReleases]) -> Known:
    events = sorted((e for one in hosts.values() for e in one.log if e.release == name), key=lambda e: e.at)
    switches = [event for event in events if event.what == "switch"]
    told = next((event for event in reversed(switches) if event.ref or event.commit), None)
    last = {host: [e.what for e in one.log if e.release == name][-1:] for host, one in hosts.items()}
    return Known(
        release=name,
        ref=told.ref if told else "",
        commit=told.commit if told else "",
        at=datetime.fromtimestamp(switches[-1].at, UTC) if switches else None,
        current=tuple(host for host, one in hosts.items() if one.current == name),
        previous=tuple(host for host, one in hosts.items() if one.previous == name),
        kept=tuple(host for host, one in hosts.items() if name in one.kept),
        went_back=tuple(host for host, what in last.items() if what == ["back"]),
    )


def choose(hosts: Mapping[str, HostReleases], wanted: str, inventory: str) -> str:
    """The release to go back to: the one whose id begins with `wanted`, or (empty) the one before.

    Raises:
        Refused: no host keeps it, or it is not clear which one is meant.
    """
    look = f"see: massive-deploy releases {inventory}"
    kept = {name for one in hosts.values() for name in one.kept}
    if wanted:
        found = sorted(name for name in kept if name.startswith(wanted))
        if len(found) != 1:
            what = f"several kept releases begin with {wanted}" if found else f"no app host keeps a release {wanted}"
            raise Refused(what, look)
        return found[0]
    before = _before(hosts.values())
    if len(before) != 1:
        what = "the app hosts ran different releases before" if before else "the app hosts have no release before"
        raise Refused(what, f"{look}; then name one: massive-deploy rollback {inventory} RELEASE")
    (name,) = before
    if name not in kept:
        raise Refused(f"release {name}, which ran before, is kept no more", look)
    return name


def _before(hosts: Iterable[HostReleases]) -> set[str]:
    """A run that stopped half way has left two releases: back means the one that the newer one's hosts ran before."""
    listed = list(hosts)
    current = {one.current for one in listed if one.current}
    halfway = {one.previous for one in listed if one.previous in current - {one.current}}
    if len(current) > 1 and halfway:
        return halfway
    return {one.previous for one in listed if one.previous}


def origin(ref: str, commit: str) -> str:
    """Where a release's source came from: its ref and its short commit; empty for a folder's."""
    return " ".join(part for part in (ref, commit[:9]) if part)


def as_json(found: Iterable[Known]) -> list[dict[str, Any]]:
    """As plain data; `at` in ISO 8601, UTC."""
    return [
        {
            "release": one.release,
            "ref": one.ref,
            "commit": one.commit,
            "at": one.at.isoformat() if one.at is not None else None,
            "current": list(one.current),
            "previous": list(one.previous),
            "kept": list(one.kept),
            "went_back": list(one.went_back),
        }
        for one in found
    ]
