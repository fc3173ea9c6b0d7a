"""Stages: what starts runs side by side; what restarts goes in batches, drained first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from massive_deploy.desired import DRAIN, Back, Desired, File, Gate, Rolling, Task, Unit
from massive_deploy.engine import plan
from massive_deploy.engine.apply import Stage, apply, compile_stages
from massive_deploy.engine.observed import Observed, UnitState
from massive_deploy.engine.step import Step
from massive_deploy.errors import HostFailure, HostsFailed

CONF = File("/etc/app.conf", "1\n")
APP = Desired(
    files=(CONF,),
    units=(Unit("app", restart_on=(CONF.path,)),),
    gates=(Gate("answers", "true"),),
    rolling=Rolling(percent=50, drain_seconds=3),
)
RUNS = Observed(units={"app": UnitState("loaded", "active", "running", "enabled")})


CAREFUL = replace(APP, rolling=Rolling(percent=50, back=Back("true", "true", "true")))


def stages(hosts: dict[str, Observed], role: Desired = APP) -> list[Stage]:
    return compile_stages(plan.make({name: {"app": role} for name in hosts}, hosts), [["app"]])


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


def test_what_ran_before_is_forgotten_before_the_host_takes_part_again() -> None:
    careful = replace(APP, rolling=Rolling(drain_seconds=3, back=Back("true", "true", "true")))
    names = [step.name for step in stages({"a": RUNS}, careful)[0].steps["a"]]
    assert names[-3:] == ["remember what is managed", "keep the change", "take part again"]


def test_a_host_left_drained_by_a_failed_run_is_found_by_the_next_plan() -> None:
    from massive_deploy.engine.observed import Entry

    role = Desired(absent=(DRAIN,))
    seen = Observed(entries={DRAIN: Entry("file", 0o644, "root", "root")})
    assert [change.path for change in plan.make({"a": {"app": role}}, {"a": seen}).hosts[0].roles[0].files] == [DRAIN]


def test_a_host_left_drained_serves_again_before_another_one_is_drained() -> None:
    from massive_deploy.engine.observed import Entry

    left = replace(RUNS, entries={DRAIN: Entry("file", 0o644, "root", "root")})
    first, *batches = stages({"a": RUNS, "b": left}, replace(APP, absent=(DRAIN,)))
    assert {host: [step.script for step in listed] for host, listed in first.steps.items()} == {"b": [f"rm -f {DRAIN}"]}
    assert [list(stage.steps) for stage in batches] == [["a"], ["b"]]


def test_where_a_host_can_go_back_one_goes_first() -> None:
    found = stages(dict.fromkeys("abcde", RUNS), CAREFUL)
    assert [list(stage.steps) for stage in found] == [["a"], ["b", "c"], ["d", "e"]]
    assert [sorted(stage.back) for stage in found] == [["a"], ["b", "c"], ["d", "e"]]


def test_what_is_ahead_is_done_everywhere_before_the_first_host_is_drained() -> None:
    tasks = (Task("migrate", "", "x", "m", ahead=2), Task("ship", "", "x", "s", ahead=1), Task("switch", "", "x", "w"))
    found = stages(dict.fromkeys("ab", RUNS), replace(APP, tasks=tasks))
    assert [[step.name for step in stage.steps["a"]] for stage in found[:2]] == [["ship"], ["migrate"]]
    assert [sorted(stage.steps) for stage in found] == [["a", "b"], ["a", "b"], ["a"], ["b"]]
    later = [step.name for step in found[2].steps["a"]]
    assert "switch" in later
    assert not {"ship", "migrate"} & set(later)


def test_what_is_done_afterwards_waits_for_all_roles_on_all_hosts() -> None:
    careful = replace(APP, tasks=(Task("early", "", "x", "e"), Task("close", "", "x", "c", afterwards=True)))
    plain = Desired(tasks=(Task("late", "", "x", "l"),))
    wanted = {name: {"app": careful, "zebra": plain} for name in "ab"}
    made = plan.make(wanted, {name: Observed() for name in "ab"})
    found = compile_stages(made, [["app"], ["zebra"]])
    assert [stage.title for stage in found] == ["app", "zebra", "after all others: app"]
    assert {host: [step.name for step in listed] for host, listed in found[-1].steps.items()} == {
        "a": ["close"],
        "b": ["close"],
    }
    assert "close" not in [step.name for step in found[0].steps["a"]]


def test_there_is_no_last_stage_without_such_tasks() -> None:
    assert [stage.title for stage in stages({"a": Observed()})] == ["app"]


class Fleet:
    """Performs nothing; the named steps fail."""

    def __init__(self, *failing: tuple[str, str]) -> None:
        self.failing = failing
        self.done: list[tuple[str, str]] = []

    def perform(self, steps: Mapping[str, Sequence[Step]], _: object) -> list[HostFailure]:
        failures = []
        for host, listed in steps.items():
            for step in listed:
                if (host, step.name) in self.failing:
                    failures.append(HostFailure(host, step.role, step.name, "because"))
                    break
                self.done.append((host, step.name))
        return failures


def failed(fleet: Fleet) -> tuple[HostFailure, ...]:
    found = stages(dict.fromkeys("abc", RUNS), CAREFUL)
    with pytest.raises(HostsFailed) as error:
        apply(cast("Any", fleet), found, lambda *_: None, lambda *_: None)
    return error.value.failures


def test_a_host_that_fails_goes_back_and_no_other_is_touched() -> None:
    fleet = Fleet(("a", "wait: answers"))
    (failure,) = failed(fleet)
    assert failure.cause == "because\na went back by itself to what it ran before, and takes part again"
    assert {host for host, _ in fleet.done} == {"a"}
    assert fleet.done[-1] == ("a", "go back to what ran before")


def test_a_later_host_that_fails_leaves_the_earlier_ones_as_they_are() -> None:
    fleet = Fleet(("b", "wait: answers"))
    assert [failure.host for failure in failed(fleet)] == ["b"]
    assert [host for host, name in fleet.done if name == "go back to what ran before"] == ["b"]


def test_a_host_that_cannot_go_back_says_why() -> None:
    (failure,) = failed(Fleet(("a", "wait: answers"), ("a", "go back to what ran before")))
    assert failure.cause == "because\na could not go back to what it ran before:\nbecause"


def test_an_idle_host_is_waited_for_but_not_for_ever() -> None:
    rolling = replace(APP, rolling=Rolling(drain_seconds=1, idle="nothing in flight", idle_seconds=9))
    drain = stages({"a": RUNS}, rolling)[0].steps["a"][0]
    assert "until timeout 10 sh -c 'nothing in flight'" in drain.script
    assert "+ 9 ))" in drain.script
    assert drain.timeout == 40
