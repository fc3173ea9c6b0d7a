"""What an edit of an inventory changes on its hosts, between two git revisions, with no host contacted."""

from __future__ import annotations

import difflib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from massive_deploy.errors import InvalidInput, MassiveDeployError, Problem

Tree = Mapping[str, str]


def compare(inventory: Path, old: str, new: str | None) -> Iterator[str]:
    """Unified diffs of everything rendered at `old` and at `new` (the files as they are now when None), host by host.

    Raises:
        MassiveDeployError: not a git repository, or no such revision.
        InvalidInput: the topology is wrong at one of them.
    """
    with tempfile.TemporaryDirectory(prefix="massive-deploy-") as scratch:
        before = rendered(_at(inventory, old, Path(scratch) / "old"), Path(scratch) / "before")
        now = inventory if new is None else _at(inventory, new, Path(scratch) / "new")
        after = rendered(now, Path(scratch) / "after")
    yield from diff(before, after, old, new or "now")


def diff(before: Tree, after: Tree, old: str, new: str) -> Iterator[str]:
    """Unified diff of two trees of texts, file by file in order of their names."""
    for path in sorted({*before, *after}):
        a, b = before.get(path, ""), after.get(path, "")
        if a != b:
            names = (f"{path} ({old})", f"{path} ({new})")
            yield from difflib.unified_diff(a.splitlines(), b.splitlines(), *names, lineterm="", n=2)


def rendered(inventory: Path, folder: Path) -> Tree:
    """Everything `render --offline` writes. A process of its own: a revision brings its own roles."""
    words = [sys.executable, "-m", "massive_deploy", "render", "--offline", str(inventory), str(folder)]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    if run.returncode:
        raise InvalidInput([Problem(str(inventory), 0, 0, "", run.stderr.strip() or "cannot be rendered")])
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


def _at(inventory: Path, revision: str, folder: Path) -> Path:
    top = Path(_git(inventory, "rev-parse", "--show-toplevel").strip())
    _git(inventory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    folder.mkdir()
    archive = folder.with_suffix(".tar")
    _git(top, "archive", f"--output={archive}", revision)
    subprocess.run(["tar", "-x", "-f", str(archive), "-C", str(folder)], check=True)
    return folder / inventory.resolve().relative_to(top.resolve())


def _git(folder: Path, *words: str) -> str:
    run = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
    if run.returncode:
        why = run.stderr.strip() or f"git {words[0]} found nothing"
        raise MassiveDeployError(
            f"{folder}: {why}", "name a commit, branch or tag of the repository the inventory is in"
        )
    return run.stdout
