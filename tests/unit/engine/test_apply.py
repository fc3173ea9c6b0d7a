"""Stages: what starts runs side by side; what restarts goes in batches, drained first."""

from __future__ import annotations

from massive_deploy.desired import DRAIN, Desired, File, Gate, Rolling, Unit
from massive_deploy.engine import plan
from massive_deploy.engine.apply import Stage, compile_stages
from massive_deploy.engine.observed import Observed, UnitState

CONF = File("/etc/app.conf", "1\n")
APP = Desired(
    files=(CONF,),
    units=(Unit("app", restart_on=(CONF.path,)),),
    gates=(Gate("answers", "true"),),
    rolling=Rolling(percent=50, drain_seconds=3),
)
RUNS = Observed(units={"app": UnitState("loaded", "active", "running", "enabled")})


def stages(hosts: dict[str, Observed]) -> list[Stage]:
    return compile_stages(plan.make({name: {"app": APP} for name in hosts}, hosts), [["app"]])


def test_first_starts_are_not_batched() -> None:
    (only,) = stages(dict.fromkeys("abcd", Observed()))
    assert list(only.steps) == ["a", "b", "c", "d"]
    assert not any(DRAIN in step.script for step in only.steps["a"])


def test_restarts_go_half_of_the_hosts_at_a_time() -> None:
    found = stages(dict.fromkeys("abcd", RUNS))
    assert [(stage.title, list(stage.steps)) for stage in found] == [
        ("app, batch 1 of 2", ["a", "b"]),
        ("app, batch 2 of 2", ["c", "d"]),
    ]


def test_new_hosts_come_before_the_first_batch() -> None:
    found = stages({"a": RUNS, "b": Observed(), "c": RUNS})
    assert [list(stage.steps) for stage in found] == [["b"], ["a"], ["c"]]


def test_a_host_is_drained_first_and_takes_part_again_once_it_answers() -> None:
    names = [step.name for step in stages({"a": RUNS})[0].steps["a"]]
    assert names[0] == "drain"
    assert names.index("take part again") > names.index("wait: answers")


def test_a_host_left_drained_by_a_failed_run_is_found_by_the_next_plan() -> None:
    from massive_deploy.engine.observed import Entry

    role = Desired(absent=(DRAIN,))
    seen = Observed(entries={DRAIN: Entry("file", 0o644, "root", "root")})
    assert [change.path for change in plan.make({"a": {"app": role}}, {"a": seen}).hosts[0].roles[0].files] == [DRAIN]
