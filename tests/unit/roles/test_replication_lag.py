"""The lag service's judgement, and its answers as a balancer gets them."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from massive_deploy.roles.postgresql.templates.replication_lag import Judge, Limits, Look, Server, handler, status

LIMITS = Limits(size=1000, age=10, back_after=5)
FIT = Look(recovering=True, age=0.5, size=0, receiving=True)


def judged(*looks: Look | None, every: float = 1.0, limits: Limits = LIMITS) -> tuple[Judge, float]:
    """A judge that has seen these, one after the other, and the time of the last."""
    judge, now = Judge(limits), 100.0
    for look in looks:
        now += every
        judge.see(look, now, "" if look else "connection refused")
    return judge, now


def test_a_leader_that_was_cut_off_is_not_fresh_by_its_own_word() -> None:
    """It went on to write the time, which no other node had."""
    leading = Look(recovering=False, age=0.1, size=None, receiving=False)
    demoted = Look(recovering=True, age=0.5, size=None, receiving=False)
    judge, now = judged(leading, *[demoted] * 20)
    assert (judge.told(now)["fit"], judge.told(now)["why"]) == (False, "led until now, and does not follow yet")
    judge, now = judged(leading, demoted, *[FIT] * 7)
    assert judge.told(now)["fit"]
    # A replica whose leader is gone, on the other hand, goes on for a while.
    judge, now = judged(FIT, *[demoted] * 7)
    assert judge.told(now)["fit"]


def test_a_replica_within_the_limits_is_fit_after_a_while() -> None:
    judge, now = judged(FIT)
    assert (judge.told(now)["fit"], judge.told(now)["why"]) == (False, "back after 5 s within the limits")
    judge, now = judged(*[FIT] * 6)
    assert judge.told(now) == {"role": "replica", "fit": True, "why": "", "age": 0.5, "bytes": 0, "receiving": True}


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (Look(True, 7.1, 0, True), "7.1 s old, the limit is 10 s"),
        (Look(True, 0.5, 1001, True), "1001 bytes behind, more than 1000"),
        (Look(True, 7.1, None, False), "7.1 s old, the limit is 10 s"),
        (Look(True, None, 0, True), "how far behind is not known"),
        (Look(True, 0.5, None, True), "how far behind is not known"),
        (Look(False, 0.0, None, False), "the leader"),
        (None, "connection refused"),
    ],
)
def test_one_look_beyond_a_limit_is_enough(look: Look | None, why: str) -> None:
    judge, now = judged(*[FIT] * 6, look)
    assert (judge.told(now)["fit"], judge.told(now)["why"]) == (False, why)
    judge.see(FIT, now + 1)
    assert not judge.told(now + 5.9)["fit"]


def test_while_the_leader_changes_replicas_go_on_with_what_they_have() -> None:
    judge, now = judged(*[FIT] * 6, Look(True, 3.0, None, False))
    told = judge.told(now)
    assert (told["fit"], told["age"], told["bytes"], told["receiving"]) == (True, 3.0, None, False)


@pytest.mark.parametrize(
    ("look", "code"), [(FIT, 200), (Look(False, 0.0, None, False), 404), (Look(True, 9.0, 0, True), 503), (None, 503)]
)
def test_a_leader_keeps_its_reads_and_a_late_replica_loses_them(look: Look | None, code: int) -> None:
    judge, now = judged(look, limits=Limits(1000, 10, 0))
    assert status(judge.told(now)) == code


def test_it_returns_only_after_all_of_the_time_within_the_limits() -> None:
    judge, now = judged(*[FIT] * 6, Look(True, 8, 0, True), FIT, FIT, FIT)
    assert not judge.told(now)["fit"]
    for step in range(1, 5):
        judge.see(FIT, now + step)
    assert judge.told(now + 4)["fit"]


def test_what_was_seen_long_ago_counts_for_nothing() -> None:
    judge, now = judged(*[FIT] * 6)
    assert judge.told(now + 3)["fit"]
    assert judge.told(now + 3.1) == {
        "role": "unknown",
        "fit": False,
        "why": "the server does not answer",
        "age": None,
        "bytes": None,
        "receiving": False,
    }
    judge.see(FIT, now + 20)
    assert not judge.told(now + 20)["fit"]


def metrics(judge: Judge, now: float) -> dict[str, str]:
    return dict(line.split() for line in judge.metrics(now).splitlines() if not line.startswith("#"))  # type: ignore[misc]


def test_a_replica_that_receives_nothing_is_infinitely_late_however_little_it_missed() -> None:
    told = metrics(*judged(*[FIT] * 6, Look(True, 0.2, 0, False)))
    assert told == {
        "massive_replication_fit": "1",
        "massive_replication_receiving": "0",
        "massive_replication_age_seconds": "+Inf",
        "massive_replication_lag_bytes": "+Inf",
    }


def test_an_idle_leader_is_not_late() -> None:
    told = metrics(*judged(Look(False, 3000, None, False)))
    assert (told["massive_replication_age_seconds"], told["massive_replication_lag_bytes"]) == ("0.000", "0")
    assert "massive_replication_receiving" not in told


def test_an_unknown_server_is_infinitely_late() -> None:
    assert metrics(*judged(None))["massive_replication_age_seconds"] == "+Inf"


@contextmanager
def served(judge: Judge) -> Iterator[str]:
    server = Server(("127.0.0.1", 0), handler(judge))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_balancer_reads_the_status_and_people_the_body() -> None:
    judge = Judge(Limits(1000, 10, 0))
    with served(judge) as url:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/reads", timeout=5)
        with refused.value:
            assert (refused.value.code, json.loads(refused.value.read())["fit"]) == (503, False)
        assert urllib.request.urlopen(f"{url}/metrics", timeout=5).read().startswith(b"# TYPE massive_replication_fit")
