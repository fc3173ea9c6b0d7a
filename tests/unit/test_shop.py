"""The example site's own tests, by its own runner, as its README says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_shops_own_tests_pass() -> None:
    inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    environ = {**inherited, "PYTHONPATH": str(ROOT / "packages/django-massive/src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "manage.py", "test"]
    done = subprocess.run(
        command, cwd=ROOT / "examples/shop", env=environ, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "\nOK" in done.stderr
