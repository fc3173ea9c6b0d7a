"""The house rules that a machine can read."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (ROOT / "packages").glob("*/src/**/*.py")
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "roles").rglob("*.py"), *PACKAGES])
FLOORS = ["topology", "roles", "render", "engine", "operate", "cli"]


def length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_files_are_small() -> None:
    assert [path for path in SOURCES if length(path) > 400] == []
    assert statistics.median(length(path) for path in SOURCES) < 100


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name != "checks.py"], ids=str)
def test_no_assert_in_what_ships(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]


def test_only_the_transport_imports_pyinfra() -> None:
    users = {
        path.name
        for path in SOURCES
        if "import pyinfra" in (text := path.read_text(encoding="utf-8")) or "from pyinfra" in text
    }
    assert users == {"transport.py"}


def test_nothing_imports_upwards() -> None:
    package = ROOT / "src/massive_deploy"
    for path in package.rglob("*.py"):
        floor = path.relative_to(package).parts[0].removesuffix(".py")
        if floor not in FLOORS:
            continue
        above = FLOORS[FLOORS.index(floor) + 1 :]
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            assert module.split(".")[1:2] not in [[name] for name in above], f"{path} imports {module}"


def test_the_topology_reference_is_current() -> None:
    from massive_deploy.roles import settings, use
    from massive_deploy.topology.reference import reference

    use(None)
    text = reference(settings())
    assert (ROOT / "docs/topology.md").read_text(encoding="utf-8") == text, "run: make docs"
