"""What a drill's logs come to: pure arithmetic."""

from __future__ import annotations

import bisect
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from massive_deploy.operate.drills.logs import Direct, Read, Request, Seen, Write

STALLED = 1.0
"""Seconds after which a request that has no answer is noticed by whoever waits for it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What else is known of a drill. Times are the controller's wall clock; `well` is None when it did not become so.

    `found` are ids of the rows that are there at the end. `slack` is how far two hosts' clocks may be apart (s).
    """

    fault: str
    inventory: str
    cluster: str
    leader_before: str
    leader_after: str
    injected: float
    healed: float
    well: float | None
    found: frozenset[str]
    slack: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What users noticed. Durations are seconds after the fault was injected, unless said otherwise.

    `detection`: the first request that failed or stalled. `promotion`: the first write that another leader took.
    `write_gap` and `read_gap`: the longest time between two good answers. `lost`: acknowledged and not there at the
    end. `phantom`: there at the end, though the client was told otherwise. `oldest_read`: how long the first missing
    row had been acknowledged when a replica told an older one. `two_leaders`: proofs, as sentences. `recovery`:
    seconds from healing until the stack was well. `reasons`: why requests failed, the commonest first, with numbers.
    """

    fault: str
    inventory: str
    cluster: str
    leader_before: str
    leader_after: str
    detection: float | None
    promotion: float | None
    write_gap: float
    read_gap: float
    writes: int
    acknowledged: int
    failed_writes: int
    lost: int
    phantom: int
    reads: int
    replica_reads: int
    failed_reads: int
    oldest_read: float
    requests: int
    failed_requests: int
    two_leaders: tuple[str, ...]
    held: float
    recovery: float | None
    problem: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def safe(self) -> bool:
        """Whether nothing acknowledged was lost, and never two leaders took writes."""
        return not self.lost and not self.two_leaders

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; durations to the millisecond, null for one without end."""
        rounded = {key: _rounded(value) for key, value in asdict(self).items()}
        return {**rounded, "two_leaders": list(self.two_leaders), "reasons": list(self.reasons), "safe": self.safe}


def _rounded(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return round(value, 3) if math.isfinite(value) else None


def result(seen: Seen, told: Told) -> Result:
    """Put together what was seen and what is known."""
    acknowledged = {write.id for write in seen.writes if write.ok}
    return Result(
        fault=told.fault,
        inventory=told.inventory,
        cluster=told.cluster,
        leader_before=told.leader_before,
        leader_after=told.leader_after,
        detection=detection((*seen.writes, *seen.reads), told.injected),
        promotion=promotion(seen.direct, told.leader_before, told.injected),
        write_gap=gap(seen.writes, told.injected),
        read_gap=gap(seen.reads, told.injected),
        writes=len(seen.writes),
        acknowledged=len(acknowledged),
        failed_writes=_failed(seen.writes),
        lost=len(acknowledged - told.found),
        phantom=len(told.found - acknowledged),
        reads=len(seen.reads),
        replica_reads=sum(read.ok and read.replica for read in seen.reads),
        failed_reads=_failed(seen.reads),
        oldest_read=oldest_read(seen.reads, seen.writes),
        requests=len(seen.visits),
        failed_requests=_failed(seen.visits),
        two_leaders=tuple(two_leaders(seen.direct, told.slack)),
        held=told.healed - told.injected,
        recovery=None if told.well is None else max(0.0, told.well - told.healed),
        problem=told.problem,
        reasons=reasons({"write": seen.writes, "read": seen.reads, "request": seen.visits}),
    )


def reasons(requests: Mapping[str, Iterable[Request]], most: int = 6) -> tuple[str, ...]:
    """Why requests failed, as sentences such as `3 × read: connection refused`; the commonest first."""
    counts = Counter((kind, one.why) for kind, ones in requests.items() for one in ones if not one.ok)
    return tuple(f"{count} × {kind}: {why}" for (kind, why), count in counts.most_common(most))


def _failed(requests: Collection[Request]) -> int:
    return sum(not request.ok for request in requests)


def detection(requests: Iterable[Request], injected: float) -> float | None:
    """Seconds until somebody noticed: a request ended in an error, or has waited for STALLED. None: nobody did."""
    moments = [
        min(request.end, request.begin + STALLED) if request.ok else request.end
        for request in requests
        if request.end >= injected and (not request.ok or request.end - request.begin >= STALLED)
    ]
    return max(0.0, min(moments) - injected) if moments else None


def promotion(direct: Iterable[Direct], before: str, injected: float) -> float | None:
    """Seconds until another node, or the same one on a new timeline, took a write. None: leadership stayed."""
    old = max((d.timeline for d in direct if d.ok and d.node == before and d.end <= injected), default=0)
    ends = [d.end for d in direct if d.ok and d.timeline > old and d.end > injected]
    return min(ends) - injected if ends else None


def gap(requests: Iterable[Request], injected: float) -> float:
    """The longest time (s) between good answers that ended after the fault began. Infinite: there was none after it."""
    ends = sorted(request.end for request in requests if request.ok)
    later = bisect.bisect_right(ends, injected)
    if later == len(ends):
        return math.inf
    return max(end - (ends[n - 1] if n else injected) for n, end in enumerate(ends) if n >= later)


def oldest_read(reads: Iterable[Read], writes: Iterable[Write]) -> float:
    """Of all answers from a replica, the greatest age (s): how long ago the first row it lacked was acknowledged."""
    acknowledged = sorted((write.number, write.end) for write in writes if write.ok)
    numbers = [number for number, _ in acknowledged]
    # One writer, one row after the other: what comes later in number was acknowledged later.
    oldest = 0.0
    for read in reads:
        if read.ok and read.replica:
            place = bisect.bisect_right(numbers, read.number)
            if place < len(acknowledged):
                oldest = max(oldest, read.begin - acknowledged[place][1])
    return oldest


def two_leaders(direct: Iterable[Direct], slack: float = 0.0) -> list[str]:
    """A sentence for each pair of leaders of which the older took a write that began after the younger had taken one.

    The clocks of two hosts may be `slack` seconds apart.
    """
    terms: dict[tuple[int, str], list[Direct]] = defaultdict(list)
    for one in direct:
        if one.ok:
            terms[one.timeline, one.node].append(one)
    found = []
    for old, new in _pairs(sorted(terms)):
        first = min(one.end for one in terms[new])
        late = [one.begin for one in terms[old] if one.begin > first + slack]
        if late:
            found.append(
                f"{old[1]} took {len(late)} writes on timeline {old[0]} after {new[1]} had taken one "
                f"on timeline {new[0]}, until {max(late) - first:.1f} s later"
            )
    return found


def _pairs(
    terms: Sequence[tuple[int, str]],
) -> list[tuple[tuple[int, str], tuple[int, str]]]:
    return [(old, new) for n, old in enumerate(terms) for new in terms[n + 1 :] if old[1] != new[1]]
