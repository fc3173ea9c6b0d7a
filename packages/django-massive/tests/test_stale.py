"""One computes, the others get the old value."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache, caches

from django_massive import stale
from django_massive.stale import forget, remember


class Clock:
    """Lets values age without waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset = 0.0
        real = time.time
        monkeypatch.setattr(stale.time, "time", lambda: real() + self.offset)


def boom() -> str:
    raise LookupError("away")


def test_a_fresh_value_is_computed_once() -> None:
    calls: list[int] = []
    for _ in range(3):
        assert remember("k", lambda: calls.append(1)) is None
    assert calls == [1]


def test_whoever_computed_lets_the_next_one_do_so(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    for number in range(3):
        clock.offset = 11.0 * number
        assert remember("k", lambda number=number: number, ttl=10, lock=60) == number  # type: ignore[misc]


def test_others_get_the_old_value_while_one_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    remember("k", lambda: "old", ttl=60)
    clock.offset = 61
    inside, go = threading.Event(), threading.Event()

    def slow() -> str:
        inside.set()
        assert go.wait(5)
        return "new"

    with ThreadPoolExecutor(1) as pool:
        computing = pool.submit(remember, "k", slow)
        assert inside.wait(5)
        assert [remember("k", boom) for _ in range(20)] == ["old"] * 20
        go.set()
        assert computing.result() == "new"
    assert remember("k", boom) == "new"


def test_a_herd_with_nothing_waits_for_the_one_who_computes() -> None:
    calls: list[int] = []

    def slow() -> int:
        calls.append(1)
        time.sleep(0.2)
        return 7

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(lambda _: remember("k", slow), range(10))) == [7] * 10
    assert calls == [1]


def test_a_failure_gives_the_old_value_and_is_not_tried_by_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    remember("k", lambda: "old", ttl=60)
    clock.offset = 61
    assert remember("k", boom) == "old"
    tried: list[int] = []
    assert remember("k", lambda: tried.append(1)) == "old"
    assert tried == []


def test_a_failure_without_an_old_value_is_raised_and_the_next_may_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale.time, "sleep", lambda seconds: pytest.fail("it waits"))
    with pytest.raises(LookupError):
        remember("k", boom)
    assert remember("k", lambda: 1) == 1


def test_what_is_forgotten_is_computed_at_once() -> None:
    remember("k", lambda: "old")
    forget("k")
    assert remember("k", lambda: "new") == "new"


class Dead:
    """A cache that is away: silently, or with errors."""

    def __init__(self, *, raises: bool) -> None:
        self.raises = raises

    def _nothing(self, *args: Any) -> None:
        if self.raises:
            raise TimeoutError

    get = set = add = delete = _nothing


@pytest.mark.parametrize("raises", [True, False])
def test_without_a_cache_it_is_computed_at_once(monkeypatch: pytest.MonkeyPatch, raises: bool) -> None:
    monkeypatch.setattr(stale, "caches", {"default": Dead(raises=raises)})
    monkeypatch.setattr(stale.time, "sleep", lambda seconds: pytest.fail("it waits"))
    assert remember("k", lambda: 1) == 1


def test_freshness_varies(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = set()
    for number in range(20):
        remember(f"k{number}", lambda: 1, ttl=1000, jitter=0.5)
        ends.add(round(cache.get(f"k{number}")[1] - time.time(), -1))
    assert len(ends) > 3
    assert all(490 <= end <= 1000 for end in ends)


def test_what_something_else_stored_under_the_key_is_replaced() -> None:
    caches["default"].set("k", "not ours")
    assert remember("k", lambda: 1) == 1
