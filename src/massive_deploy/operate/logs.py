"""What the hosts' services write: the journal of their units and nginx's own files, put together by time."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from massive_deploy.collected import NGINX_ERRORS
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
    """One line of a host's log; `at` is None where none of its beginning tells.

    `collected` when it is not from the host itself.
    """

    host: str
    text: str
    at: datetime | None = None
    collected: bool = False


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
    follow = ["--follow"] if query.follow else []
    files = bool({"nginx", "nginx.service"} & set(listed))
    # What is in the error.log as well is told once.
    once = [f"--exclude-identifier={NGINX_ERRORS}"] if files else []
    sources = [shlex.join([*journal(listed, query), *follow, *once])]
    if files:
        tail = ["tail", "--quiet", f"--lines={query.count}", *(["-F"] if query.follow else []), "--", *NGINX]
        sources.append(f"{shlex.join(tail)} 2>/dev/null")
    if not query.follow:
        return "\n".join(f"{{ {source}; }} </dev/null{only(query)} || true" for source in sources)
    lines = [f"{{ {source}; }}{only(query)} &" for source in sources]
    return "\n".join([*lines, "cat >/dev/null", "kill 0"])


def journal(names: Iterable[str], query: Query) -> list[str]:
    """Words of the command that prints what the journal holds of these units."""
    words = ["journalctl", "--no-pager", "--quiet", "--utc", "--output=short-iso-precise", f"--lines={query.count}"]
    if query.since is not None:
        words.append(f"--since=@{int(query.since.timestamp())}")
    return [*words, *(f"--unit={name}" for name in names)]


def only(query: Query) -> str:
    """The end of a shell pipeline that lets matching lines through."""
    return f" | {shlex.join(['grep', '--line-buffered', '-E', '-e', query.grep])}" if query.grep else ""


def line(host: str, text: str, *, collected: bool = False) -> Line:
    """A line as a host printed it, with its time."""
    for stamp in _STAMPS:
        if match := stamp.match(text):
            found = match.groupdict()
            at = found.get("at") or f"{found['day'].replace('/', '-')}T{found['clock']}"
            try:
                time = datetime.fromisoformat(at)
            except ValueError:
                continue
            return Line(host, text, time if time.tzinfo is not None else time.replace(tzinfo=UTC), collected)
    return Line(host, text, None, collected)


def merged(hosts: Mapping[str, str], query: Query, collected: Collection[str] = ()) -> list[Line]:
    """Lines of all hosts by time, from `query.since` on; those without one stay behind the line they follow.

    `collected` are the hosts whose lines are from the receiver of all journals.
    """
    found: list[tuple[datetime, int, Line]] = []
    for host, text in hosts.items():
        last = datetime.min.replace(tzinfo=UTC)
        for one in (line(host, row, collected=host in collected) for row in text.splitlines()):
            last = one.at or last
            if query.since is None or last >= query.since:
                found.append((last, len(found), one))
    return [one for _, _, one in sorted(found, key=lambda entry: entry[:2])]
