from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from massive_deploy import atomic

KILLED = """
import os, signal, sys
from pathlib import Path
from massive_deploy import atomic
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
atomic.replace(Path(sys.argv[1]), b"new")
"""


def test_the_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old", encoding="utf-8")

    atomic.replace(path, b"new", 0o640)

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_leaves_is_cleared_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old", encoding="utf-8")

    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)

    assert path.read_text(encoding="utf-8") == "old"
    assert len(list(tmp_path.iterdir())) == 2
    atomic.replace(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_the_attempt_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / f".file.{os.getppid()}.new"
    other.touch()

    atomic.replace(tmp_path / "file", b"new")

    assert other.exists()


def test_a_failed_attempt_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()

    with pytest.raises(OSError, match="directory"):
        atomic.replace(tmp_path / "file", b"new")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
