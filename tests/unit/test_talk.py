"""docs/talk.md names nothing that does not exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from massive_deploy.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
TALK = (ROOT / "docs/talk.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "packages/django-massive/src"
NAMED = sorted(set(re.findall(r"`([^`]+)`", TALK)))
ROWS = [line for line in TALK.splitlines() if line.startswith("| ") and not line.startswith(("| slide", "| ---"))]
# Words that name no file, setting or test of ours.
WORDS = {"default", "replica", "placed"}


@cache
def defined(file: Path) -> set[str]:
    """Names of functions, classes and top-level values in a module."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@cache
def settings() -> set[str]:
    """Every key of a topology, dotted."""
    found, section = set(), ""
    for line in (ROOT / "docs/topology.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = re.search(r"`(.+)`", line)
            section = f"{heading[1]}." if heading else ""
        elif row := re.match(r"\| `(\w+)` \|", line):
            found.add(section + row[1])
    return found


def commands() -> set[str]:
    single = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    return single | {
        f"{name} {command.name or getattr(command.callback, '__name__', '')}"
        for name, group in groups.items()
        if group is not None
        for command in group.registered_commands
    }


def exists(name: str) -> bool:
    if name.startswith("massive-deploy "):
        return name.removeprefix("massive-deploy ") in commands()
    if name.startswith("massive."):
        number = name.removeprefix("massive.")
        return any(f'"{number}"' in file.read_text(encoding="utf-8") for file in PACKAGE.rglob("checks/*.py"))
    if name.startswith("django_massive."):
        module, _, last = name.rpartition(".")
        file = PACKAGE / f"{module.replace('.', '/')}.py"
        return file.is_file() and last in defined(file)
    if "::" in name:
        path, _, test = name.partition("::")
        return (ROOT / path).is_file() and test in defined(ROOT / path)
    if "/" in name:
        return (ROOT / name).exists()
    return name in settings()


@pytest.mark.parametrize("name", [name for name in NAMED if name not in WORDS])
def test_what_is_named_exists(name: str) -> None:
    assert exists(name)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TALK):
        assert (ROOT / "docs" / target).exists(), target


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_row_has_a_test_or_says_that_there_is_none(row: str) -> None:
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 4
    assert "`" in cells[3] or cells[3].startswith("no test")
    assert "`" in cells[2] or "not " in cells[2] or cells[3] != "no test"


@pytest.mark.parametrize(
    "name",
    [
        "roles.varnish.absent",
        "tests/unit/test_talk.py::test_absent",
        "roles/absent",
        "massive.W099",
        "django_massive.purge.absent",
        "massive-deploy absent",
        "absent",
    ],
)
def test_a_name_of_nothing_is_found_out(name: str) -> None:
    assert not exists(name)
