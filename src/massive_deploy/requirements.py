"""Which file says what a Django project needs, and what the build does with it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from massive_deploy.errors import MassiveDeployError

Kind = Literal["requirements", "pyproject", "project", "uv", "none"]

# In the order they are looked for, first beside manage.py, then in each folder above it.
CANDIDATES = (
    "uv.lock",
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/base.txt",
    "requirements/requirements.txt",
    "pyproject.toml",
)


@dataclass(frozen=True, slots=True)
class Requirements:
    """The chosen file (path in the source), how it is read, and whether the project itself is a package to install.

    `dependencies` are those of a pyproject.toml, read here so that the build needs no back end for them.
    """

    kind: Kind
    file: str = ""
    dependencies: tuple[str, ...] = ()
    install_project: bool = False


def choose(files: Mapping[str, bytes], subdirectory: str, wanted: str) -> Requirements:
    """The requirements of the project.

    Args:
        files: the source, path → content.
        subdirectory: folder with manage.py ("." is the root).
        wanted: `auto`, or a path relative to the subdirectory or the root.

    Raises:
        MassiveDeployError: nothing found, the file is missing, or it cannot be read.
    """
    folders = [PurePosixPath(subdirectory), *PurePosixPath(subdirectory).parents]
    names = CANDIDATES if wanted == "auto" else (wanted,)
    for folder in folders:
        for name in names:
            path = str(folder / name)
            if path in files and (found := _read(files, path)) is not None:
                return found
    there = ", ".join(sorted(path for path in files if _looks_right(path))[:8])
    fix = f"set app.requirements to one of: {there}" if there else "add a requirements.txt beside manage.py"
    what = "no file says what the project needs" if wanted == "auto" else f"there is no {wanted} in the source"
    raise MassiveDeployError(what, fix)


def _looks_right(path: str) -> bool:
    name = PurePosixPath(path).name
    return name in {"pyproject.toml", "uv.lock"} or (name.endswith(".txt") and "requirements" in path)


def _read(files: Mapping[str, bytes], path: str) -> Requirements | None:
    name = PurePosixPath(path).name
    if name == "uv.lock":
        project = str(PurePosixPath(path).with_name("pyproject.toml"))
        if project not in files:
            raise MassiveDeployError(f"{path} has no pyproject.toml beside it", "add it, or set app.requirements")
        return Requirements("uv", path, install_project=_is_package(_toml(files, project), files, project))
    if name == "pyproject.toml":
        return _pyproject(files, path)
    return Requirements("requirements", path)


def _pyproject(files: Mapping[str, bytes], path: str) -> Requirements | None:
    document = _toml(files, path)
    project = document.get("project")
    if isinstance(project, dict) and "dependencies" in project:
        dependencies = tuple(str(item) for item in project["dependencies"])
        return Requirements("pyproject", path, dependencies, _is_package(document, files, path))
    if "build-system" in document and (isinstance(project, dict) or "poetry" in document.get("tool", {})):
        # Dependencies that only the project's own build back end can tell.
        return Requirements("project", path)
    # A pyproject.toml with nothing but settings of tools.
    return None


def _is_package(document: Mapping[str, Any], files: Mapping[str, bytes], path: str) -> bool:
    """Whether its modules are below src/, where manage.py would not find them without installing the project."""
    source = PurePosixPath(path).parent / "src"
    return "build-system" in document and any(PurePosixPath(name).is_relative_to(source) for name in files)


def _toml(files: Mapping[str, bytes], path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(files[path].decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MassiveDeployError(f"{path} is not valid TOML: {error}", "mend it, or set app.requirements") from error
