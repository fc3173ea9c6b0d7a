"""Going back: the scripts run here for real, with the state and systemctl moved into a scratch folder."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from massive_deploy.desired import DRAIN, Back, Desired, File, Rolling, Unit
from massive_deploy.engine import compile as compiling
from massive_deploy.engine import plan
from massive_deploy.engine.observed import Entry, Observed, UnitState
from massive_deploy.engine.probe import STATE
from massive_deploy.engine.step import Step

BACK = Back(keep="cat link", restore='printf %s "$KEPT" >link', healthy="[ -e healthy ]", seconds=0)
RUNS = UnitState("loaded", "active", "running", "enabled")


class Host:
    """A folder that is a host: steps run in it, systemctl writes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.link = folder / "link"
        self.drain = folder / "drain"
        commands = folder / "bin"
        commands.mkdir()
        (commands / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{folder}/told\n', encoding="ascii")
        (commands / "systemctl").chmod(0o755)
        (folder / "state/stamps").mkdir(parents=True)
        (folder / "state/managed").mkdir()

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def run(self, step: Step) -> subprocess.CompletedProcess[str]:
        # Units settle without being asked.
        script = step.script.replace(compiling.SETTLED, "settled() { :; }\nwhy() { :; }")
        script = script.replace(STATE, self.path("state")).replace(DRAIN, str(self.drain))
        path = {"PATH": f"{self.path('bin')}:/usr/bin:/bin"}
        return subprocess.run(
            ["sh", "-c", script], cwd=self.folder, env=path, capture_output=True, text=True, check=False
        )

    @property
    def told(self) -> list[str]:
        file = self.folder / "told"
        return file.read_text(encoding="ascii").splitlines() if file.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def role_plan(host: Host, *, worker: bool = False) -> plan.RolePlan:
    """The role on a host where it runs: one file changed, one new; and a unit that was not there, if asked."""
    old, new = File(host.path("old"), "2"), File(host.path("new"), "2")
    units = (Unit("app", restart_on=(old.path,)), *((Unit("worker"),) if worker else ()))
    wanted = Desired(files=(old, new), units=units, rolling=Rolling(drain_seconds=1, back=BACK))
    seen = Observed(
        entries={old.path: Entry("file", 0o644, "root", "root", "0")},
        units={"app": RUNS},
        managed={"app": (old.path,)},
    )
    return plan.make({"a": {"app": wanted}}, {"a": seen}).hosts[0].roles[0]


def named(found: plan.RolePlan, name: str) -> Step:
    (step,) = (step for step in compiling.steps(found) if step.name == name)
    return step


def back(found: plan.RolePlan) -> Step:
    step = compiling.going_back(found)
    assert step is not None
    return step


def changed(host: Host) -> plan.RolePlan:
    """As it is when a step after the restart fails."""
    (host.folder / "old").write_text("1", encoding="ascii")
    host.link.write_text("release 1\n", encoding="ascii")
    (host.folder / "state/stamps/app.app").write_text("stamp 1\n", encoding="ascii")
    (host.folder / "state/managed/app").write_text("managed 1\n", encoding="ascii")
    host.drain.touch()
    found = role_plan(host, worker=True)
    done = host.run(named(found, "keep what runs now"))
    assert done.returncode == 0, done.stderr
    for name in ("old", "new"):
        (host.folder / name).write_text("2", encoding="ascii")
    host.link.write_text("release 2\n", encoding="ascii")
    (host.folder / "state/stamps/app.app").unlink()
    (host.folder / "state/stamps/app.worker").write_text("stamp 2\n", encoding="ascii")
    return found


def test_everything_is_as_it_was_and_the_host_takes_part_again(host: Host) -> None:
    found = changed(host)
    (host.folder / "healthy").touch()
    done = host.run(back(found))
    assert done.returncode == 0, done.stderr
    assert (host.folder / "old").read_text(encoding="ascii") == "1"
    assert not (host.folder / "new").exists()
    assert host.link.read_text(encoding="ascii") == "release 1"
    stamps = host.folder / "state/stamps"
    assert [path.name for path in stamps.iterdir()] == ["app.app"]
    assert (stamps / "app.app").read_text(encoding="ascii") == "stamp 1\n"
    assert (host.folder / "state/managed/app").read_text(encoding="ascii") == "managed 1\n"
    assert not host.drain.exists()
    assert not (host.folder / "state/before").exists()
    assert "disable --quiet --now worker" in host.told
    assert "restart app" in host.told
    assert not any("restart" in line and "worker" in line for line in host.told)


def test_a_host_that_is_not_healthy_afterwards_says_so_and_is_left_to_its_health_checks(host: Host) -> None:
    done = host.run(back(changed(host)))
    assert done.returncode != 0
    assert "not healthy either" in done.stderr
    assert not host.drain.exists()


def test_where_nothing_was_kept_nothing_is_put_back(host: Host) -> None:
    host.drain.touch()
    assert host.run(back(role_plan(host))).returncode == 0
    assert host.told == []
    assert not host.drain.exists()


def test_what_a_killed_run_has_kept_is_older_and_stays(host: Host) -> None:
    found = changed(host)
    (host.folder / "third").write_text("3", encoding="ascii")
    more = plan.FileChange(host.path("third"), File(host.path("third"), "4"), "3", "content")
    host.run(named(replace(found, files=(*found.files, more)), "keep what runs now"))
    (host.folder / "healthy").touch()
    (host.folder / "third").write_text("4", encoding="ascii")
    assert host.run(back(found)).returncode == 0
    assert host.link.read_text(encoding="ascii") == "release 1"
    assert [(host.folder / name).read_text(encoding="ascii") for name in ("old", "third")] == ["1", "3"]


def test_a_change_that_succeeded_is_not_kept_any_longer(host: Host) -> None:
    found = changed(host)
    other = host.folder / "state/before/other"
    other.mkdir()
    assert host.run(named(found, "keep the change")).returncode == 0
    assert list((host.folder / "state/before").iterdir()) == [other]
    other.rmdir()
    assert host.run(named(found, "keep the change")).returncode == 0
    assert not (host.folder / "state/before").exists()


def test_a_first_start_has_nothing_to_go_back_to() -> None:
    wanted = Desired(units=(Unit("app"),), rolling=Rolling(back=BACK))
    found = plan.make({"a": {"app": wanted}}, {"a": Observed()}).hosts[0].roles[0]
    assert compiling.going_back(found) is None
    assert "keep what runs now" not in [step.name for step in compiling.steps(found)]


def test_the_drain_mark_is_not_removed_among_the_files() -> None:
    wanted = Desired(absent=(DRAIN,), units=(Unit("app", also="2"),), rolling=Rolling(drain_seconds=1, back=BACK))
    seen = Observed(entries={DRAIN: Entry("file", 0o644, "root", "root")}, units={"app": RUNS})
    found = plan.make({"a": {"app": wanted}}, {"a": seen}).hosts[0].roles[0]
    assert not [step.name for step in compiling.steps(found) if step.name.startswith("files")]
    assert [step.name for step in compiling.steps(replace(found, rolling=None)) if step.name.startswith("files")]
