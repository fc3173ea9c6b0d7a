"""Steps of two runs on one host: the later waits for the earlier, whose controller may be gone."""

from __future__ import annotations

import subprocess
from pathlib import Path

from massive_deploy.engine import litter


def test_a_step_waits_for_the_one_that_still_runs(tmp_path: Path) -> None:
    lock, log = str(tmp_path / "lock"), tmp_path / "log"
    first = litter.alone(f"echo 1 >>{log}; sleep 1; echo 2 >>{log}", 5).replace(litter.STEP_LOCK, lock)
    second = litter.alone(f"echo 3 >>{log}", 5).replace(litter.STEP_LOCK, lock)
    with subprocess.Popen(["sh", "-c", first]) as running:
        while not log.exists():
            pass
        assert subprocess.run(["sh", "-c", second], check=False).returncode == 0
        assert running.wait() == 0
    assert log.read_text().split() == ["1", "2", "3"]


def test_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    lock = str(tmp_path / "lock")
    with subprocess.Popen(["flock", lock, "sh", "-c", "echo held; read -r _"], stdin=-1, stdout=-1) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        script = litter.alone("true", 1).replace(litter.STEP_LOCK, lock)
        run = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        holder.communicate(b"\n")
    assert run.returncode == 1
    assert "earlier run" in run.stderr
