from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from massive_deploy import roles

Add = Callable[[str, str], None]


@pytest.fixture
def add_role(tmp_path: Path) -> Iterator[Add]:
    """Writes a role of a project's own, with these checks."""
    before = set(sys.modules)

    def add(name: str, checks: str) -> None:
        folder = tmp_path / "roles" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text('"""A role for a trial."""\n')
        (folder / "checks.py").write_text(checks)
        roles.use(tmp_path)

    yield add
    roles.use(None)
    for module in set(sys.modules) - before:
        if module.startswith("massive_deploy.roles."):
            del sys.modules[module]
