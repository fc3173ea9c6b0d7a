"""The wheel of django-massive, beside the one that its own build makes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from massive_deploy import runtime

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).parent / "uv"


def test_it_holds_what_the_packages_own_build_holds(tmp_path: Path) -> None:
    command = [UV, "build", "--quiet", "--wheel", "--out-dir", tmp_path, ROOT / "packages/django-massive"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (built,) = tmp_path.glob("*.whl")
    name, content = runtime.wheel()
    assert built.name == name
    ours, theirs = zipfile.ZipFile(io.BytesIO(content)), zipfile.ZipFile(built)
    assert set(ours.namelist()) == set(theirs.namelist())
    for file in ours.namelist():
        if ".dist-info/" not in file:
            assert ours.read(file) == theirs.read(file)


def test_it_installs_and_is_known(tmp_path: Path) -> None:
    name, content = runtime.wheel()
    (tmp_path / name).write_bytes(content)
    environ = {**os.environ, "UV_OFFLINE": "1"}
    venv = [UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"]
    subprocess.run(venv, check=True, capture_output=True, env=environ)
    python = tmp_path / "venv/bin/python"
    install = [UV, "pip", "install", "--quiet", "--no-deps", "--python", python, tmp_path / name]
    subprocess.run(install, check=True, capture_output=True, env=environ)
    code = (
        "from importlib.metadata import *; import django_massive as m; n = m.__name__; print(version(n), requires(n))"
    )
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "0.1.0 ['Django>=4.2']"


def test_the_same_bytes_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first = runtime.wheel()
    monkeypatch.setattr("time.time", lambda: 0)
    assert runtime.wheel() == first
