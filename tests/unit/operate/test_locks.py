"""The manual lock on all hosts or on none."""

from __future__ import annotations

from pathlib import Path

import pytest

from massive_deploy.errors import Locked, MassiveDeployError
from massive_deploy.operate.locks import acquire, release, status

from .here import opened


def test_a_manual_lock_from_first_to_last(tmp_path: Path) -> None:
    live = opened(tmp_path, "a", "b", missing=("new",), lost=("c",))
    assert all(one.free for one in status(live))
    taken = acquire(live, "moving\nthe 'racks'", "inventories/prod")
    assert [(one.host, one.manual is not None, one.problem) for one in taken] == [
        ("a", True, ""),
        ("b", True, ""),
        ("c", False, "no route"),
        ("new", False, "no such machine yet"),
    ]
    assert [one.manual.message for one in status(live) if one.manual] == ["moving the 'racks'"] * 2
    assert len({str(one.manual) for one in release(live) if one.manual}) == 1
    assert all(one.free for one in status(live))
    assert not any(one.manual for one in release(live))


def test_a_lock_that_is_there_on_one_host_is_taken_on_none(tmp_path: Path) -> None:
    acquire(opened(tmp_path, "b"), "first", "prod")
    with pytest.raises(Locked, match=r"b is locked already by .*: first") as refused:
        acquire(opened(tmp_path, "a", "b", "c"), "second", "prod")
    assert refused.value.fix.endswith("massive-deploy lock release prod")
    told = {one.host: one.manual for one in status(opened(tmp_path, "a", "b", "c"))}
    assert told["a"] is told["c"] is None
    assert told["b"] is not None
    assert told["b"].message == "first"


def test_hosts_that_do_not_answer_are_told(tmp_path: Path) -> None:
    live = opened(tmp_path, "a", "b", down=("b",))
    assert [one.problem for one in acquire(live, "x", "prod")] == ["", "connection lost: gone"]
    assert [one.problem for one in status(live)] == ["", "connection lost: gone"]
    with pytest.raises(MassiveDeployError, match="no host answers"):
        acquire(opened(tmp_path, "b", down=("b",)), "x", "prod")
