"""Counts of access logs: read from each host, added up, and what follows from the sum."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from massive_deploy.operate.traffic.script import Span

INTERVALS = 50.5
"""Response times are counted in intervals that grow by a fiftieth: so exact are percentiles."""
QUANTILES = (0.5, 0.95, 0.99)
OFTEN = 10
"""A path asked less often is not among the slowest, as long as others are."""


@dataclass(slots=True)
class Path:
    """Requests of one path, without its query: seconds all together, and of the slowest."""

    requests: int = 0
    seconds: float = 0
    slowest: float = 0

    @property
    def mean(self) -> float:
        """Seconds a request took."""
        return self.seconds / self.requests if self.requests else 0


@dataclass(slots=True)
class Tally:
    """What was counted. `statuses` by code, `caches` by (cache, layer), `intervals` by their number, `spans` by their
    beginning: requests and those answered with 5xx. `unreadable` lines are in no other count."""

    requests: int = 0
    bytes: int = 0
    seconds: float = 0
    longest: float = 0
    unreadable: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    caches: Counter[tuple[str, str]] = field(default_factory=Counter)
    intervals: Counter[int] = field(default_factory=Counter)
    spans: Counter[int] = field(default_factory=Counter)
    failures: Counter[int] = field(default_factory=Counter)
    paths: dict[str, Path] = field(default_factory=dict)
    agents: Counter[str] = field(default_factory=Counter)
    networks: Counter[str] = field(default_factory=Counter)

    @property
    def classes(self) -> dict[str, int]:
        """Requests by the first digit of their status, such as 2xx."""
        found: Counter[str] = Counter()
        for status, count in self.statuses.items():
            found[f"{status // 100}xx"] += count
        return dict(sorted(found.items()))

    def quantile(self, part: float) -> float:
        """Seconds within which this part of all requests was answered; a hundredth off at the most."""
        left = math.ceil(self.requests * part)
        for number, count in sorted(self.intervals.items()):
            left -= count
            if left <= 0:
                return min(self.longest, (math.exp(number / INTERVALS) - 1) / 1000)
        return self.longest

    def most_asked(self, top: int) -> list[tuple[str, Path]]:
        """Paths with most requests."""
        return sorted(self.paths.items(), key=lambda item: (-item[1].requests, item[0]))[:top]

    def slowest(self, top: int) -> list[tuple[str, Path]]:
        """Paths that took longest on average, of those asked often."""
        often = {name: path for name, path in self.paths.items() if path.requests >= OFTEN} or self.paths
        return sorted(often.items(), key=lambda item: (-item[1].mean, item[0]))[:top]


def parse(text: str) -> Tally:
    """What the script printed on one host.

    Raises:
        ValueError: it is cut off or no such output.
    """
    found = Tally()
    whole = False
    for row in filter(None, text.split("\n")):
        kind, _, rest = row.partition("\t")
        if kind == "requests":
            whole = True
        _add(found, kind, rest)
    if not whole:
        raise ValueError("the counts are cut off")
    return found


def _add(found: Tally, kind: str, rest: str) -> None:
    match kind:
        case "requests":
            requests, sent, seconds, longest, unreadable = rest.split("\t")
            found.requests, found.bytes, found.unreadable = int(requests), int(sent), int(unreadable)
            found.seconds, found.longest = float(seconds), float(longest)
        case "status":
            count, code = rest.split("\t")
            found.statuses[int(code)] += int(count)
        case "cache":
            count, cache, layer = rest.split("\t")
            found.caches[cache, layer] += int(count)
        case "time":
            count, number = rest.split("\t")
            found.intervals[int(number)] += int(count)
        case "span":
            count, failures, begin = rest.split("\t")
            found.spans[int(begin)] += int(count)
            found.failures[int(begin)] += int(failures)
        case "path":
            count, seconds, slowest, name = rest.split("\t", 3)
            _path(found, words(name), Path(int(count), float(seconds), float(slowest)))
        case "agent" | "network":
            count, name = rest.split("\t", 1)
            (found.agents if kind == "agent" else found.networks)[words(name)] += int(count)
        case _:
            raise ValueError(f"not counts: {kind[:40]}")


def _path(found: Tally, name: str, more: Path) -> None:
    path = found.paths.setdefault(name, Path())
    path.requests += more.requests
    path.seconds += more.seconds
    path.slowest = max(path.slowest, more.slowest)


def words(text: str) -> str:
    """A value of the log without the escapes of JSON; one that was cut within an escape stays as it is."""
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    found = Tally()
    for one in tallies:
        found.requests += one.requests
        found.bytes += one.bytes
        found.seconds += one.seconds
        found.longest = max(found.longest, one.longest)
        found.unreadable += one.unreadable
        for name in ("statuses", "caches", "intervals", "spans", "failures", "agents", "networks"):
            getattr(found, name).update(getattr(one, name))
        for path, more in one.paths.items():
            _path(found, path, more)
    return found


def cache_name(cache: str, layer: str) -> str:
    """How an answer was come by, such as `HIT (edge)`; what nginx answered by itself has neither."""
    return f"{cache} ({layer})" if cache and layer else cache or "nginx itself"


def to_json(tally: Tally, hosts: Mapping[str, int], span: Span, top: int) -> dict[str, Any]:
    """Everything, as JSON takes it. Times are in seconds, or in UTC."""

    def listed(counter: Counter[str]) -> list[dict[str, Any]]:
        return [{"name": name, "requests": count} for name, count in counter.most_common(top)]

    def paths(found: list[tuple[str, Path]]) -> list[dict[str, Any]]:
        return [{"path": name, **asdict(path), "mean": round(path.mean, 6)} for name, path in found]

    return {
        "since": moment(span.since),
        "until": moment(span.until),
        "hosts": dict(hosts),
        "requests": tally.requests,
        "bytes": tally.bytes,
        "unreadable": tally.unreadable,
        "classes": tally.classes,
        "statuses": {str(code): count for code, count in sorted(tally.statuses.items())},
        "cache": [
            {"cache": cache, "layer": layer, "requests": count} for (cache, layer), count in tally.caches.most_common()
        ],
        "seconds": {f"p{part * 100:g}": round(tally.quantile(part), 4) for part in QUANTILES} | {"max": tally.longest},
        "step": span.step,
        "timeline": [
            {"at": moment(begin), "requests": count, "5xx": tally.failures[begin]}
            for begin, count in sorted(tally.spans.items())
        ],
        "most_asked": paths(tally.most_asked(top)),
        "slowest": paths(tally.slowest(top)),
        "agents": listed(tally.agents),
        "networks": listed(tally.networks),
    }


def moment(seconds: int) -> str:
    """ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
