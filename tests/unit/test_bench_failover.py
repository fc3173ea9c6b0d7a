"""What the failover benchmark makes of its drills."""

from __future__ import annotations

import json
from pathlib import Path

from bench.failover import DEFAULTS, OURS, goals, measured, missing, table


def row(timing: str, repeat: int, fault: str, gap: float | None, **other: object) -> dict[str, object]:
    values = {"timing": timing, "repeat": repeat, "fault": fault, "write_gap": gap, "lost": 0, "two_leaders": []}
    return {**values, "recovery": 1.0, "failed_requests": 0, "failed_writes": 0, "oldest_read": 2.0, **other}


def test_what_is_measured_is_not_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "done.jsonl"
    file.write_text(json.dumps(row(OURS, 0, "switchover", 1.0)) + '\n{"timing": "mass', encoding="utf-8")
    left = list(missing(measured(file), ["switchover", "partition", "etcd-loss"], 3, 2))
    # Nine with our timing; with the defaults two repeats of what they bear on; one is done.
    assert len(left) == len(set(left)) == 9 + 4 - 1
    assert {fault for timing, _, fault in left if timing == DEFAULTS} == {"switchover", "partition"}
    assert (OURS, 0, "switchover") not in left


def test_without_a_file_all_is_to_be_measured(tmp_path: Path) -> None:
    assert measured(tmp_path / "none") == measured(None) == []


def test_goals_are_for_our_own_timing() -> None:
    rows = [row(OURS, n, "leader-crash", gap) for n, gap in enumerate((1.0, 2.0, 9.0))]
    rows.append(row(DEFAULTS, 0, "leader-crash", 18.0))
    assert [str(goal.value) for goal in goals(rows)[:1]] == ["2.0"]
    assert all(goal.met for goal in goals(rows))


def test_what_may_never_be_counts_in_all_drills() -> None:
    bad = row(DEFAULTS, 0, "partition", None, lost=3, two_leaders=["db-1 took 2"], recovery=None, oldest_read=11.0)
    missed = [goal.what for goal in goals([bad]) if not goal.met]
    assert missed == [
        "oldest read from a replica, all drills",
        "acknowledged writes lost, all drills",
        "drills with two leaders",
        "drills that were not well again",
    ]


def test_a_pause_without_end_misses_its_goal() -> None:
    assert not goals([row(OURS, 0, "switchover", None)])[0].met


def test_the_table_has_the_ratio_to_the_defaults() -> None:
    rows = [row(OURS, 0, "leader-crash", 2.0), row(DEFAULTS, 0, "leader-crash", 18.0)]
    assert table(rows, ["leader-crash", "partition"]).splitlines()[1:] == [
        "leader-crash                   2.00     2.00      18.00    18.00    9.0x"
    ]
