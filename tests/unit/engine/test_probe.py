"""The probe is a real shell script: it is run here on this machine's own files and its output is parsed."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from pathlib import Path

from massive_deploy.desired import Desired, Directory, File, Task, User
from massive_deploy.engine import plan, probe
from massive_deploy.engine.observed import Observed

ME = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name


def observe(desired: dict[str, Desired]) -> Observed:
    run = subprocess.run(["sh", "-s"], input=probe.script(desired), capture_output=True, text=True, check=False)
    return probe.parse(run.stdout, desired)


def test_files_directories_users_and_tasks_are_read(tmp_path: Path) -> None:
    folder, same, edited = tmp_path / "d", tmp_path / "same.conf", tmp_path / "edited.conf"
    folder.mkdir(mode=0o750)
    same.write_text("a\n")
    edited.write_text("hand\nmade\n")
    for path in (same, edited):
        path.chmod(0o640)
    desired = {
        "r": Desired(
            users=(User(ME),),
            directories=(Directory(str(folder), 0o750, ME, GROUP),),
            files=(
                File(str(same), "a\n", 0o640, ME, GROUP),
                File(str(edited), "wanted\n", 0o640, ME, GROUP),
                File(str(tmp_path / "missing"), ""),
            ),
            tasks=(Task("two lines", "printf 'it is\\nso\\n'", "it is\nso", "false"),),
        )
    }
    seen = observe(desired)
    assert seen.entries[str(same)].sha256 == desired["r"].files[0].sha256
    assert seen.entries[str(folder)].kind == "directory"
    assert seen.texts == {str(edited): "hand\nmade\n"}
    assert ME in seen.users
    assert seen.facts.cpus >= 1
    role = plan.make({"h": desired}, {"h": seen}).hosts[0].roles[0]
    assert [(c.path, c.why) for c in role.files] == [(str(edited), "content"), (str(tmp_path / "missing"), "missing")]
    assert (role.directories, role.tasks, role.users) == ((), (), ())


def test_the_text_of_a_secret_file_never_leaves_the_host(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("canary\n")
    seen = observe({"r": Desired(files=(File(str(path), "other\n", secret=True),))})
    assert seen.texts == {}
    assert seen.entries[str(path)].sha256 != ""


def test_a_task_whose_observation_fails_or_hangs_reads_as_nothing() -> None:
    seen = observe({"r": Desired(tasks=(Task("broken", "exit 3", "x", ""), Task("reads input", "cat", "x", "")))})
    assert seen.tasks == {"r/broken": "", "r/reads input": ""}


def test_unit_blocks_are_matched_to_names_in_order() -> None:
    desired = {"r": Desired(units=())}
    output = "units\n" + "units-end\nfact\tcpus\t2\n"
    assert probe.parse(output, desired).facts.cpus == 2
