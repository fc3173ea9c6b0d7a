"""A drill's result for people: a table, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from massive_deploy.operate.drills.faults import Fault
    from massive_deploy.operate.drills.result import Result


def seconds(value: float | None, none: str = "-") -> str:
    """Two digits after the point; `none` for None."""
    if value is None:
        return none
    return "never" if math.isinf(value) else f"{value:.2f} s"


def rows(result: Result) -> list[tuple[str, str]]:
    """What was measured, in the order of reading."""
    leaders = result.leader_before
    if result.leader_after != result.leader_before:
        leaders += f", then {result.leader_after or 'nobody'}"
    return [
        ("leader", leaders),
        ("first failed or stalled request", seconds(result.detection, "none")),
        ("first write of a new leader", seconds(result.promotion, "leadership stayed")),
        ("longest time without a write", seconds(result.write_gap)),
        ("longest time without a read", seconds(result.read_gap)),
        ("acknowledged writes lost", f"{result.lost} of {result.acknowledged}"),
        ("failed writes", f"{result.failed_writes} of {result.writes}"),
        ("written though told otherwise", str(result.phantom)),
        ("failed reads", f"{result.failed_reads} of {result.reads} ({result.replica_reads} from replicas)"),
        ("oldest read from a replica", seconds(result.oldest_read)),
        ("failed requests of the site", f"{result.failed_requests} of {result.requests}"),
        ("two leaders at once", "yes" if result.two_leaders else "no"),
        ("the fault lasted", seconds(result.held)),
        ("well again after it was undone", seconds(result.recovery, "not by itself")),
    ]


def table(result: Result) -> Table:
    """For a terminal."""
    from rich.table import Table
    from rich.text import Text

    made = Table(f"{result.fault}", result.cluster)
    for what, value in rows(result):
        bad = (what.endswith("lost") and result.lost) or (what.startswith("two") and result.two_leaders)
        made.add_row(what, Text(value, style="bold red" if bad else ""))
    return made


def sentences(result: Result, folder: str) -> Iterator[str]:
    """What needs a person."""
    yield from (f"two leaders: {proof}" for proof in result.two_leaders)
    yield from (f"failed: {reason}" for reason in result.reasons)
    if result.lost:
        yield f"{result.lost} acknowledged writes are gone; with `failover: {{synchronous: quorum}}` none is"
    if result.recovery is None:
        yield f"not well again: {result.problem}"
        yield f"next: massive-deploy status {folder}; for a node that stays away: massive-deploy reinit {folder} HOST"


def listed(faults: Iterable[Fault]) -> Table:
    """All faults for a terminal."""
    from rich.table import Table

    made = Table("fault", "what is done", "kept for", "what is expected")
    for fault in faults:
        made.add_row(fault.name, fault.summary, f"{fault.hold} s", fault.expected)
    return made
