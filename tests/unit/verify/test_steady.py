"""States that take a moment."""

from __future__ import annotations

from massive_deploy.verify.steady import eventually


def test_the_first_good_look_ends_it() -> None:
    looks = iter([1, 2, 3, 4])
    assert eventually(lambda: next(looks), lambda seen: seen >= 3, 10, pause=0) == 3
    assert next(looks) == 4


def test_after_the_time_the_last_look_tells_what_is_wrong() -> None:
    looks = iter(range(10))
    assert eventually(lambda: next(looks), lambda _: False, 0, pause=0) == 0
