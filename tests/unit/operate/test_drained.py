"""App hosts that people took out of service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from massive_deploy.desired import Back, Rolling
from massive_deploy.engine.plan import HostPlan, Plan, RolePlan
from massive_deploy.engine.probe import STATE
from massive_deploy.errors import MassiveDeployError, Refused
from massive_deploy.operate import drained as out
from massive_deploy.operate import maintenance
from massive_deploy.operate.observe import Session

from .here import opened

CAREFUL = Rolling(drain_seconds=4, back=Back("true", "true", "true"))


def layout(*names: str) -> Any:
    hosts = [SimpleNamespace(name=name) for name in names]
    return SimpleNamespace(running=lambda role: hosts if role in {"app", "nginx"} else [])


def seconds(plan: Plan) -> list[int]:
    return [role.rolling.drain_seconds for host in plan.hosts for role in host.roles if role.rolling is not None]


def test_the_only_host_in_service_is_not_drained_by_a_run() -> None:
    roles = {name: RolePlan(name, "app", rolling=CAREFUL) for name in "abc"}
    plan = Plan(tuple(HostPlan(name, False, (), False, (role,)) for name, role in roles.items()))
    assert seconds(out.spare(plan, layout("a", "b", "c"), {"b", "c"})) == [0, 0, 0]
    assert seconds(out.spare(plan, layout("a", "b", "c"), {"c"})) == [4, 4, 4]
    assert seconds(out.spare(plan, layout("a"), set())) == [4, 4, 4]


def test_a_host_is_drained_and_put_back(tmp_path: Path) -> None:
    live, said = opened(tmp_path, "a", "b"), list[str]()
    fleet = cast("Any", live.fleet)
    fleet.run = lambda host, script, timeout=60: fleet.run_all({host: script}, timeout=timeout)[host]
    assert out.drain(live, layout("a", "b"), "a", "true", 20, said.append)
    assert out.drained(live, layout("a", "b")) == {"a"}
    with pytest.raises(Refused, match="no app host would be left"):
        out.drain(live, layout("a", "b"), "b", "true", 20, said.append)
    assert out.undrain(live, layout("a", "b"), "a")
    assert not out.undrain(live, layout("a", "b"), "a")
    assert out.drained(live, layout("a", "b")) == set()
    with pytest.raises(MassiveDeployError, match="edge is no app host"):
        out.drain(live, layout("a", "b"), "edge", "true", 20, said.append)


def test_a_host_is_not_drained_beside_one_that_a_run_drains_or_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out, "DRAIN", f"{STATE}/turn")
    live = opened(tmp_path, "a", "b")
    (tmp_path / "b/state").mkdir(parents=True)
    (tmp_path / "b/state/turn").touch()
    with pytest.raises(Refused, match="no app host would be left"):
        out.drain(live, layout("a", "b"), "a", "true", 20, lambda _: None)
    with pytest.raises(Refused, match="no app host would be left"):
        out.drain(opened(tmp_path, "a", missing=("b",)), layout("a", "b"), "a", "true", 20, lambda _: None)


def test_hosts_that_a_run_leaves_out_may_be_out_of_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack: Any = SimpleNamespace(layout=layout("a", "b", "c", "d"))
    live = opened(tmp_path, "b", lost=("c",), missing=("d",))
    seen = []

    @contextmanager
    def connect(_: Any, names: set[str], *, bear: bool) -> Iterator[Session]:
        seen.append((sorted(names), bear))
        yield live

    monkeypatch.setattr(out, "session", connect)
    assert out.out_elsewhere(stack, ("a", "edge")) == {"c", "d"}
    live.fleet.run_all({"b": f"set -e; {out._SET}"})
    assert out.out_elsewhere(stack, ("a",)) == {"b", "c", "d"}
    assert seen == [(["b", "c", "d"], True)] * 2
    assert out.out_elsewhere(stack, ("edge",)) == out.out_elsewhere(stack, ("a", "b", "c", "d")) == set()
    assert len(seen) == 2


def test_requests_that_do_not_end_are_told_and_the_host_stays_drained(tmp_path: Path) -> None:
    live = opened(tmp_path, "a", "b")
    fleet = cast("Any", live.fleet)
    fleet.run = lambda host, script, timeout=60: fleet.run_all({host: script}, timeout=timeout)[host]
    assert not out.drain(live, layout("a", "b"), "a", "false", 1, lambda _: None)
    assert out.drained(live, layout("a", "b")) == {"a"}


def since(live: Session) -> list[bool]:
    return [bool(one.since) for one in maintenance.status(live)]


def inventory() -> Any:
    return SimpleNamespace(folder="prod")


def test_maintenance_is_on_everywhere_or_nowhere(tmp_path: Path) -> None:
    live = opened(tmp_path, "a", "b")
    maintenance.switch(live, inventory(), on=True)
    assert since(live) == [True, True]
    maintenance.switch(live, inventory(), on=False)
    assert since(live) == [False, False]
    half = opened(tmp_path, "a", "b", down=("b",))
    with pytest.raises(MassiveDeployError, match="failed on b"):
        maintenance.switch(half, inventory(), on=True)
    assert since(live) == [False, False]


def test_maintenance_touches_no_host_when_one_does_not_answer(tmp_path: Path) -> None:
    live = opened(tmp_path, "a", lost=("b",))
    with pytest.raises(MassiveDeployError, match="failed on b"):
        maintenance.switch(live, inventory(), on=True)
    assert since(live) == [False, False]
    found = maintenance.switch(live, inventory(), on=True, despite=True)
    assert [(one.host, bool(one.since), one.problem) for one in found] == [("a", True, ""), ("b", False, "no route")]


def test_what_was_on_stays_on_when_turning_it_off_fails(tmp_path: Path) -> None:
    live = opened(tmp_path, "a", "b")
    maintenance.switch(live, inventory(), on=True)
    with pytest.raises(MassiveDeployError, match="failed on b"):
        maintenance.switch(opened(tmp_path, "a", "b", down=("b",)), inventory(), on=False)
    assert since(live) == [True, True]
