"""Steps are pure values; the file set is run here for real in a scratch root."""

from __future__ import annotations

import base64
import io
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

from massive_deploy.desired import Desired, Directory, File, Gate, Task, Unit, Validator
from massive_deploy.engine import compile as compiling
from massive_deploy.engine import plan
from massive_deploy.engine.fileset import PLACE, archive
from massive_deploy.engine.observed import Observed

SECRET = File("/etc/thing/password", "canary", 0o600, "thing", "thing", secret=True)
ROLE = Desired(
    packages=("thing",),
    directories=(Directory("/var/my thing", 0o700),),
    files=(SECRET,),
    validators=(Validator("thing -t", "thing -t $STAGE/etc/thing", ("/etc/thing/",)),),
    units=(Unit("thing", restart_on=(SECRET.path,)),),
    tasks=(
        Task("early", "echo", "x", "prepare", before_units=True),
        Task("late", "echo", "x", "psql", stdin="canary", settle=5),
    ),
    gates=(Gate("answers", "curl -f localhost", 7),),
)


def steps(role: Desired = ROLE) -> list[compiling.Step]:
    return compiling.steps(plan.make({"h": {"thing": role}}, {"h": Observed()}).hosts[0].roles[0])


def test_the_order_is_directories_files_early_tasks_units_late_tasks_gates() -> None:
    assert [step.name for step in steps()] == [
        "users and directories",
        "files: /etc/thing/password",
        "early",
        "enable+start thing",
        "late",
        "wait: answers",
        "remember what is managed",
    ]


def test_secrets_travel_on_standard_input_only() -> None:
    for step in steps():
        assert "canary" not in step.script
        assert "canary" not in step.name


def test_words_are_quoted() -> None:
    assert "'/var/my thing'" in steps()[0].script


def test_no_package_step_without_a_missing_package() -> None:
    host = plan.HostPlan("h", False, (), False, ())
    assert compiling.package_step(host) is None
    assert compiling.package_step(replace(host, packages=("a", "b"))).script.startswith("set -- a b\n")


def test_validators_come_before_the_first_rename() -> None:
    script = steps()[1].script
    assert script.index("thing -t") < script.index("place /etc/thing/password")


def test_the_archive_carries_mode_and_owner_and_is_deterministic() -> None:
    packed = archive((SECRET,))
    assert packed == archive((SECRET,))
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed))) as tar:
        entry = tar.getmember("etc/thing/password")
    assert (entry.mode, entry.uname, entry.gname, entry.size) == (0o600, "thing", "thing", 6)


def test_folders_that_a_file_needs_are_open_all_the_way(tmp_path: Path) -> None:
    target = tmp_path / "live/a/b/file"
    staged = tmp_path / f"stage{target}"
    staged.parent.mkdir(parents=True)
    staged.write_text("x", encoding="ascii")
    script = f"set -eu; umask 077; STAGE={tmp_path}/stage\n{PLACE}\nplace {target}"
    subprocess.run(["sh", "-c", script], check=True)
    assert target.read_text(encoding="ascii") == "x"
    assert {oct(folder.stat().st_mode & 0o777) for folder in (target.parent, target.parent.parent)} == {"0o755"}


def test_a_gate_that_is_hopeless_is_not_waited_for_and_says_why(tmp_path: Path) -> None:
    gate = Gate("never", "echo no; false", 30, why="echo because", hopeless=f"[ -e {tmp_path}/lost ]")
    (tmp_path / "lost").touch()
    (step,) = (step for step in steps(replace(ROLE, gates=(gate,))) if step.name == "wait: never")
    done = subprocess.run(["sh", "-c", step.script], capture_output=True, text=True, check=False, timeout=10)
    assert (done.returncode, done.stderr) == (1, "no\nbecause\n")


def test_a_state_that_does_not_come_about_is_told_with_why() -> None:
    task = Task("late", "echo no", "yes", ":", settle=1, why="echo the disk is full; echo noise >&2; false")
    step = next(step for step in steps(Desired(tasks=(task,))) if step.name == "late")
    done = subprocess.run(["sh", "-c", step.script], input="", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["the disk is full", "not so after 1 s: late"]


def test_what_may_shut_us_out_carries_its_confirmation() -> None:
    task = Task("close", "echo no", "yes", "close", confirm="confirm it")
    found = {step.name: step.confirm for step in steps(replace(ROLE, tasks=(task, Task("other", "", "x", "run"))))}
    assert found["close"] == "confirm it"
    assert found["other"] == found["wait: answers"] == ""
    (only,) = (step for step in steps(Desired(tasks=(task,))) if step.name == "close")
    assert "confirm it" not in only.script
