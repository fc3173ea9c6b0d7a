"""What the probes wrote, as values. All times are seconds of one wall clock, the controller's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class Request:
    """One request of any kind: when it began and ended, and whether it was answered well."""

    begin: float
    end: float
    ok: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Write(Request):
    """A row of the drill's own table; acknowledged when `ok`. Empty `id`: it was not even connected."""

    number: int = 0
    id: str = ""


@dataclass(frozen=True, slots=True)
class Read(Request):
    """The newest row's number as it was seen, from a replica or from the leader."""

    number: int = 0
    replica: bool = False


@dataclass(frozen=True, slots=True)
class Direct(Request):
    """A row written on a database host itself, and the timeline it was written on."""

    node: str = ""
    timeline: int = 0


@dataclass(frozen=True, slots=True)
class Visit(Request):
    """A request to the site: `what` is `cached` or `uncached`."""

    what: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that was watched, each in the order of its begin."""

    writes: Sequence[Write] = ()
    reads: Sequence[Read] = ()
    direct: Sequence[Direct] = ()
    visits: Sequence[Visit] = ()


Line = TypeVar("Line", bound=Request)


def app(text: str, offset: float = 0.0) -> tuple[list[Write], list[Read]]:
    """The log of an app host. `offset` is how far its clock is ahead of the controller's."""
    return _lines(text, "write", lambda f: _write(f, offset)), _lines(text, "read", lambda f: _read(f, offset))


def node(text: str, host: str, offset: float = 0.0) -> list[Direct]:
    """The log of a database host."""

    def one(fields: Sequence[str]) -> Direct:
        begin, end, ok, why = _times(fields, offset)
        return Direct(begin, end, ok, why, host, _number(fields[4]))

    return _lines(text, "node", one)


def _lines(text: str, kind: str, make: Callable[[Sequence[str]], Line]) -> list[Line]:
    width = 6 if kind == "node" else 7
    rows = (line.split("\t") for line in text.splitlines())
    # A last line may be cut off where the host was.
    return sorted((make(row) for row in rows if row[0] == kind and len(row) == width), key=lambda one: one.begin)


def _write(fields: Sequence[str], offset: float) -> Write:
    begin, end, ok, why = _times(fields, offset)
    return Write(begin, end, ok, why, _number(fields[4]), fields[5].strip("-") and fields[5])


def _read(fields: Sequence[str], offset: float) -> Read:
    begin, end, ok, why = _times(fields, offset)
    return Read(begin, end, ok, why, _number(fields[4]), fields[5] == "replica")


def _times(fields: Sequence[str], offset: float) -> tuple[float, float, bool, str]:
    return float(fields[1]) - offset, float(fields[2]) - offset, fields[3] == "ok", fields[-1]


def _number(word: str) -> int:
    return int(word) if word.isdigit() else 0


def spans(requests: Iterable[Request], step: float) -> list[tuple[float, float]]:
    """Stretches of time within which one good answer followed another by no more than `step` seconds."""
    found: list[tuple[float, float]] = []
    for request in sorted((one for one in requests if one.ok), key=lambda one: one.end):
        if found and request.end - found[-1][1] <= step:
            found[-1] = (found[-1][0], request.end)
        else:
            found.append((request.end, request.end))
    return found
