"""The door to pyinfra, where no host is needed."""

from __future__ import annotations

from massive_deploy.engine.transport import connected


def test_nobody_can_be_asked_too() -> None:
    with connected({}) as (fleet, unreachable):
        assert unreachable == {}
        assert fleet.run_all({}) == {}
        assert fleet.perform({}, lambda *_: None) == []
