"""A drill's figures, from recorded logs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from massive_deploy.operate.drills.logs import Direct, Read, Request, Seen, Write, app, node, spans
from massive_deploy.operate.drills.result import detection, gap, oldest_read, result, two_leaders

from .recorded import app_log, key, seen, told


def test_a_crash_as_its_users_saw_it() -> None:
    found = result(seen(), told())
    assert found.detection == pytest.approx(0.3)
    assert found.promotion == pytest.approx(1.8)
    assert found.write_gap == pytest.approx(1002.1 - 999.96)
    assert found.read_gap == pytest.approx(1003.02 - 1001.02)
    assert (found.writes, found.acknowledged, found.failed_writes) == (50, 49, 1)
    assert (found.reads, found.replica_reads, found.failed_reads) == (5, 3, 1)
    assert (found.requests, found.failed_requests) == (6, 1)
    assert found.oldest_read == pytest.approx(0.9)
    assert (found.lost, found.phantom, found.two_leaders) == (0, 0, ())
    assert (found.held, found.recovery) == (3, 1.5)
    assert found.safe


def test_what_was_acknowledged_and_is_not_there_is_lost() -> None:
    found = result(seen(), told(3, 20))
    assert (found.lost, found.safe) == (2, False)


def test_a_row_the_client_was_told_had_failed_is_no_loss() -> None:
    found = result(seen(), told(extra=(21,)))
    assert (found.lost, found.phantom, found.safe) == (0, 1, True)


def test_nobody_noticed() -> None:
    quiet = Seen([w for w in seen().writes if w.end < 1000], [], [], [])
    assert detection(quiet.writes, 990.0) is None
    assert result(quiet, told()).promotion is None


def test_a_stalled_request_is_noticed_before_it_is_answered() -> None:
    assert detection([Request(1000.5, 1009.0, ok=True)], 1000.0) == pytest.approx(1.5)


def test_a_request_that_stalled_before_the_fault_is_another_matter() -> None:
    assert detection([Request(990.0, 999.0, ok=True)], 1000.0) is None


def test_no_good_answer_after_the_fault_is_a_gap_without_end() -> None:
    assert gap([Request(1.0, 1.1, ok=True), Request(3.0, 3.1, ok=False)], 2.0) == math.inf


def test_the_gap_across_the_fault_counts_from_the_last_answer_before_it() -> None:
    assert gap([Request(0, at, ok=True) for at in (1.0, 1.9, 4.0, 4.1)], 2.0) == pytest.approx(2.1)


def test_a_gap_before_the_fault_does_not_count() -> None:
    assert gap([Request(0, at, ok=True) for at in (1.0, 9.0, 10.1)], 10.0) == pytest.approx(1.1)


@pytest.mark.parametrize(("number", "replica", "age"), [(2, True, 0.0), (1, True, 7.5), (1, False, 0.0)])
def test_age_of_a_read(number: int, replica: bool, age: float) -> None:
    writes = [Write(1, 1.5, ok=True, number=1, id="a"), Write(2, 2.5, ok=True, number=2, id="b")]
    assert oldest_read([Read(10.0, 10.1, ok=True, number=number, replica=replica)], writes) == age


def test_a_row_acknowledged_while_a_read_was_under_way_makes_it_no_older() -> None:
    writes = [Write(1, 1.5, ok=True, number=1, id="a")]
    assert oldest_read([Read(1.0, 9.0, ok=True, replica=True)], writes) == 0.0


def direct(name: str, timeline: int, *begins: float) -> list[Direct]:
    return [Direct(begin, begin + 0.02, ok=True, node=name, timeline=timeline) for begin in begins]


def test_an_old_leader_that_goes_on_is_found() -> None:
    (proof,) = two_leaders([*direct("db-1", 1, 1.0, 2.0, 3.0), *direct("db-2", 2, 1.5, 2.5)])
    assert proof.startswith("db-1 took 2 writes on timeline 1 after db-2 had taken one on timeline 2")


def test_a_write_that_was_under_way_is_no_proof() -> None:
    late = Direct(1.0, 8.0, ok=True, node="db-1", timeline=1)
    assert two_leaders([late, *direct("db-2", 2, 5.0, 6.0)]) == []


def test_leadership_may_go_and_come_back() -> None:
    assert two_leaders([*direct("db-1", 1, 1.0), *direct("db-2", 2, 2.0), *direct("db-1", 3, 3.0)]) == []


def test_what_was_refused_is_no_write() -> None:
    refused = [replace(one, ok=False) for one in direct("db-1", 1, 2.0)]
    assert two_leaders([*refused, *direct("db-1", 1, 1.0), *direct("db-2", 2, 1.5)]) == []


def test_clocks_that_may_differ_prove_nothing_within_their_difference() -> None:
    both = [*direct("db-1", 1, 1.0, 1.8), *direct("db-2", 2, 1.5)]
    assert len(two_leaders(both)) == 1
    assert two_leaders(both, slack=0.5) == []


def test_clocks_of_hosts_are_put_right() -> None:
    (first, *_), _reads = app(app_log(), offset=100.0)
    assert first.begin == pytest.approx(1000 - 2.0 + 0.05 - 100)
    (one,) = node("node\t105.0\t105.5\tok\t7\t", "db-1", 5.0)
    assert (one.begin, one.end, one.timeline, one.node) == (100.0, 100.5, 7, "db-1")


def test_a_line_cut_off_is_left_out() -> None:
    writes, _ = app("write\t1\t2\tok\t1\t" + key(1) + "\t\nwrite\t3\t4\tok")
    assert [write.id for write in writes] == [key(1)]


def test_bars_of_good_answers() -> None:
    ends = [1.0, 1.2, 1.5, 3.0, 3.1]
    assert spans([Request(0, end, ok=True) for end in ends] + [Request(0, 2.0, ok=False)], 0.5) == [
        (1.0, 1.5),
        (3.0, 3.1),
    ]
