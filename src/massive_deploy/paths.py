"""Where the shipped roles, templates, stacks and packages are, in a wheel and in a checkout."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

Kind = Literal["roles", "templates", "stacks", "packages"]

PACKAGE = Path(__file__).resolve().parent


def shipped(kind: Kind) -> Path:
    """The folder of this kind that came with the installed version."""
    in_wheel = PACKAGE / "_shipped" / kind
    return in_wheel if in_wheel.is_dir() else PACKAGE.parents[1] / kind


def search_path(kind: Kind, project: Path | None) -> list[Path]:
    """Existing folders of this kind: the user's project first, then ours, each once."""
    candidates = [project / kind] if project is not None else []
    candidates.append(shipped(kind))
    return list(dict.fromkeys(path.resolve() for path in candidates if path.is_dir()))


def cache_dir() -> Path:
    """Per-user cache (fetched sources, built images); safe to delete at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "massive-deploy"


def state_dir() -> Path:
    """Per-user state: run logs, target keys."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "massive-deploy"


def config_dir() -> Path:
    """Per-user configuration: the age identity that opens inventories' secrets."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "massive-deploy"
