"""What the hosts' services write: the journal of their units and nginx's own files, put together by time."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from massive_deploy.errors import MassiveDeployError

if TYPE_CHECKING:
    from massive_deploy.desired import Desired

NGINX = ("/var/log/nginx/access.log", "/var/log/nginx/error.log")
_SPAN = re.compile(r"^(\d+)\s*(s|min|m|h|d)$")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_STAMPS = (
    re.compile(r"^(?P<at>\d{4}-\d\d-\d\dT\S+)\s"),
    re.compile(r'^\{"time":"(?P<at>[^"]+)"'),
    re.compile(r"^(?P<day>\d{4}/\d\d/\d\d) (?P<clock>\d\d:\d\d:\d\d)\s"),
)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for. `grep` is an extended regular expression; `count` is per source: the newest lines."""

    since: datetime | None = None
    grep: str = ""
    count: int = 200
    follow: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a host's log; `at` is None where none of its beginning tells."""

    host: str
    text: str
    at: datetime | None = None


def units(roles: Mapping[str, Desired], wanted: Collection[str], named: Collection[str]) -> list[str]:
    """Units of a host to read: those named, or those its roles (or the wanted ones) run."""
    if named:
        return sorted(set(named))
    return sorted({u.name for role, d in roles.items() if not wanted or role in wanted for u in d.units if u.running})


def since(text: str, now: datetime) -> datetime:
    """A span such as 90s, 10m, 2h or 1d before now, or a date and time in ISO 8601 (UTC unless it says otherwise).

    Raises:
        MassiveDeployError: neither.
    """
    if match := _SPAN.match(text):
        return now - timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise MassiveDeployError(f"'{text}' is no time", "write --since 10m, 2h, 1d or 2026-01-31T12:00") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def script(names: Iterable[str], query: Query) -> str:
    """Prints the logs of these units, and nginx's files when it is among them; follows until its input ends."""
    listed = list(names)
    journal = ["journalctl", "--no-pager", "--quiet", "--utc", "--output=short-iso-precise", f"--lines={query.count}"]
    if query.since is not None:
        journal.append(f"--since=@{int(query.since.timestamp())}")
    follow = ["--follow"] if query.follow else []
    sources = [shlex.join([*journal, *follow, *(f"--unit={name}" for name in listed)])]
    if {"nginx", "nginx.service"} & set(listed):
        tail = ["tail", "--quiet", f"--lines={query.count}", *(["-F"] if query.follow else []), "--", *NGINX]
        sources.append(f"{shlex.join(tail)} 2>/dev/null")
    only = f" | {shlex.join(['grep', '--line-buffered', '-E', '-e', query.grep])}" if query.grep else ""
    if not query.follow:
        return "\n".join(f"{{ {source}; }} </dev/null{only} || true" for source in sources)
    lines = [f"{{ {source}; }}{only} &" for source in sources]
    return "\n".join([*lines, "cat >/dev/null", "kill 0"])


def line(host: str, text: str) -> Line:
    """A line as a host printed it, with its time."""
    for stamp in _STAMPS:
        if match := stamp.match(text):
            found = match.groupdict()
            at = found.get("at") or f"{found['day'].replace('/', '-')}T{found['clock']}"
            try:
                time = datetime.fromisoformat(at)
            except ValueError:
                continue
            return Line(host, text, time if time.tzinfo is not None else time.replace(tzinfo=UTC))
    return Line(host, text)


def merged(hosts: Mapping[str, str], query: Query) -> list[Line]:
    """Lines of all hosts by time, from `query.since` on; those without one stay behind the line they follow."""
    found: list[tuple[datetime, int, Line]] = []
    for host, text in hosts.items():
        last = datetime.min.replace(tzinfo=UTC)
        for one in (line(host, row) for row in text.splitlines()):
            last = one.at or last
            if query.since is None or last >= query.since:
                found.append((last, len(found), one))
    return [one for _, _, one in sorted(found, key=lambda entry: entry[:2])]
