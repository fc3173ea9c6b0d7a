"""The plan is desired minus observed: each kind of difference is found, and equality means nothing to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from massive_deploy.desired import Desired, Directory, File, Gate, Task, Unit, User
from massive_deploy.engine import plan, report
from massive_deploy.engine.compile import steps
from massive_deploy.engine.markdown import markdown
from massive_deploy.engine.observed import Entry, Observed, UnitState

CONF = File("/etc/thing/thing.conf", "port 1\n")
UNIT = Unit("thing", restart_on=("/etc/thing/",))
SOFT = Unit("thing", reload_on=("/etc/thing/",))
ROLE = Desired(
    packages=("thing",),
    users=(User("thing", groups=("ssl",)),),
    directories=(Directory("/var/thing", 0o700, "thing", "thing"),),
    files=(CONF,),
    units=(UNIT,),
    tasks=(Task("object", "show object", "yes", "make object"),),
    gates=(Gate("answers", "true"),),
)


def settled(role: Desired) -> Observed:
    """A host on which everything is as the role wants it."""
    return Observed(
        packages=dict.fromkeys(role.packages, "1"),
        users={user.name: frozenset(user.groups) for user in role.users},
        entries={
            **{d.path: Entry("directory", d.mode, d.owner, d.group) for d in role.directories},
            **{f.path: Entry("file", f.mode, f.owner, f.group, f.sha256) for f in role.files},
        },
        units={u.name: UnitState("loaded", "active", "running", "enabled") for u in role.units},
        stamps={f"thing.{u.name}": f"{role.restart_fingerprint(u)} {role.reload_fingerprint(u)}" for u in role.units},
        managed={"thing": tuple(sorted({*(f.path for f in role.files), *(f"unit {u.name}" for u in role.units)}))},
        tasks={f"thing/{t.name}": t.want for t in role.tasks},
    )


def made(role: Desired, seen: Observed) -> plan.HostPlan:
    return plan.make({"h": {"thing": role}}, {"h": seen}).hosts[0]


def role_of(role: Desired, seen: Observed) -> plan.RolePlan:
    return made(role, seen).roles[0]


def verbs(role: Desired, seen: Observed) -> tuple[str, ...]:
    return tuple(verb for change in role_of(role, seen).units for verb in change.verbs)


def test_nothing_to_do_on_a_settled_host() -> None:
    found = plan.make({"h": {"thing": ROLE}}, {"h": settled(ROLE)})
    assert found.empty
    assert found.changes == 0
    assert found.hosts[0].roles[0].gates == ()


def test_a_fresh_host_needs_everything() -> None:
    found = made(ROLE, Observed(exists=False))
    role = found.roles[0]
    assert found.created
    assert found.packages == ("thing",)
    assert [user.name for user in role.users] == ["thing"]
    assert [change.path for change in role.files] == [CONF.path]
    assert [change.task.name for change in role.tasks] == ["object"]
    assert verbs(ROLE, Observed()) == ("enable", "start")
    assert role.gates == ROLE.gates


def test_a_hand_edited_file_is_written_again_and_its_unit_restarted() -> None:
    seen = settled(ROLE)
    edited = replace(
        seen,
        entries={**seen.entries, CONF.path: Entry("file", 0o644, "root", "root", "0")},
        texts={CONF.path: "port 2\n"},
    )
    role = role_of(ROLE, edited)
    assert [(c.path, c.old, c.why) for c in role.files] == [(CONF.path, "port 2\n", "content")]
    assert verbs(ROLE, edited) == ("restart",)


def test_a_changed_mode_alone_is_found() -> None:
    seen = settled(ROLE)
    loose = replace(seen, entries={**seen.entries, CONF.path: Entry("file", 0o666, "root", "root", CONF.sha256)})
    assert [change.why for change in role_of(ROLE, loose).files] == ["mode"]


def test_a_restart_that_was_missed_is_made_up_for() -> None:
    assert verbs(ROLE, replace(settled(ROLE), stamps={})) == ("restart",)


@pytest.mark.parametrize(("unit", "verb"), [(UNIT, "restart"), (SOFT, "reload")])
def test_new_content_restarts_or_reloads(unit: Unit, verb: str) -> None:
    before = replace(ROLE, units=(unit,))
    after = replace(before, files=(replace(CONF, content="port 9\n"),))
    assert verbs(after, settled(before)) == (verb,)


def test_a_new_release_restarts_without_a_changed_file() -> None:
    assert verbs(replace(ROLE, units=(replace(UNIT, also="v2"),)), settled(ROLE)) == ("restart",)


@pytest.mark.parametrize("active", ["inactive", "failed", "activating"])
def test_a_stopped_or_crashing_unit_is_started(active: str) -> None:
    seen = replace(settled(ROLE), units={"thing": UnitState("loaded", active, "dead", "enabled")})
    assert verbs(ROLE, seen) == ("start",)


def test_an_unwanted_unit_is_stopped_and_disabled() -> None:
    off = replace(ROLE, units=(Unit("thing", running=False, enabled=False),))
    assert verbs(off, settled(ROLE)) == ("stop", "disable")


def test_a_file_the_role_no_longer_wants_is_removed() -> None:
    without = replace(ROLE, files=())
    assert [(c.path, c.new, c.why) for c in role_of(without, settled(ROLE)).files] == [
        (CONF.path, None, "no longer needed")
    ]


def test_an_interrupted_dpkg_is_healed_even_when_no_package_is_missing() -> None:
    assert made(ROLE, replace(settled(ROLE), dpkg_broken=True)).heal_dpkg


def test_a_role_that_left_the_host_is_reported_and_not_touched() -> None:
    found = plan.make({"h": {}}, {"h": settled(ROLE)}).hosts[0]
    assert found.leftovers == ("thing",)
    assert found.changes == 0


def test_a_task_that_fetches_runs_again_when_another_host_needs_the_file(tmp_path: Path) -> None:
    file = tmp_path / "release.tar"
    build = Desired(tasks=(Task("build", "show", "yes", "make", fetch=("/x", file)),))
    ship = Desired(tasks=(Task("ship", "show", "yes", "unpack", artifact=file),))
    seen = {"a": Observed(tasks={"thing/build": "yes"}), "b": Observed(tasks={"thing/ship": ""})}
    wanted = {"a": {"thing": build}, "b": {"thing": ship}}
    assert [c.task.name for c in plan.make(wanted, seen).hosts[0].roles[0].tasks] == ["build"]
    file.touch()
    assert plan.make(wanted, seen).hosts[0].roles[0].tasks == ()


def test_an_unwanted_file_that_a_package_may_bring_is_removed_in_the_same_run() -> None:
    role = replace(ROLE, absent=("/etc/thing/default.conf",))
    fresh = role_of(role, Observed())
    assert "/etc/thing/default.conf" in [change.path for change in fresh.files if change.new is None]
    assert role_of(role, settled(role)).files == ()


def test_what_a_task_observed_before_its_packages_were_there_means_nothing() -> None:
    role = replace(ROLE, tasks=(Task("no default", "ls /etc/thing/default", "", "rm /etc/thing/default"),))
    assert [change.task.name for change in role_of(role, Observed(tasks={"thing/no default": ""})).tasks] == [
        "no default"
    ]
    assert role_of(role, settled(role)).tasks == ()


TURN = Task("restart thing", "show", "", ":", in_turn=True)


def test_what_hosts_do_in_turn_is_planned_counted_and_no_step_of_theirs() -> None:
    role = replace(ROLE, tasks=(*ROLE.tasks, TURN))
    waits = replace(settled(role), tasks={"thing/object": "yes", "thing/restart thing": "restart thing (port)"})
    found = plan.make({"h": {"thing": role}}, {"h": waits})
    assert found.changes == 1
    shown = list(report.lines(found))
    assert "    ! restart thing (port)" in shown
    assert "one at a time: restart thing@h" in shown[-1]
    assert report.as_json(found)["hosts"][0]["roles"][0]["tasks"] == ["restart thing (port)"]
    assert "restart thing (port)" in markdown(found, "trial")
    assert [step.name for step in steps(found.hosts[0].roles[0])] == ["wait: answers"]


def test_a_fresh_host_has_nothing_to_do_in_turn() -> None:
    role = replace(ROLE, tasks=(*ROLE.tasks, TURN))
    assert [change.task.name for change in role_of(role, Observed(exists=False)).tasks] == ["object"]


@pytest.mark.parametrize(("state", "expected"), [("activating", ()), ("inactive", ("start",)), ("failed", ("start",))])
def test_a_unit_that_waits_for_another_host_is_left_to_it(state: str, expected: tuple[str, ...]) -> None:
    """Such a unit ends and starts over while its peer is away: a run neither starts it again nor fails for it."""
    role = replace(ROLE, units=(replace(UNIT, waits=True),))
    seen = replace(settled(role), units={"thing": UnitState("loaded", state, "auto-restart", "enabled")})
    assert verbs(role, seen) == expected
    assert verbs(ROLE, replace(seen, stamps=settled(ROLE).stamps)) == ("start",)


def test_nobody_waits_until_a_unit_stays_up_that_waits_itself() -> None:
    seen = replace(settled(ROLE), stamps={})
    (step,) = (one for one in steps(role_of(ROLE, seen)) if "restart thing" in one.name)
    assert "settled thing" in step.script
    waiting = replace(ROLE, units=(replace(UNIT, waits=True),))
    (step,) = (one for one in steps(role_of(waiting, seen)) if "restart thing" in one.name)
    assert "systemctl restart thing" in step.script
    assert "settled thing" not in step.script
