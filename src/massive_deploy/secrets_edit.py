"""Secrets in an editor: a private file in memory that is gone afterwards, whatever happens."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from massive_deploy.errors import InvalidInput, MassiveDeployError, Problem
from massive_deploy.secrets import Secrets, problem_with

_HEADER = """\
# One `name: value` a line. A value has letters, digits and -_.~ only. Those below ca/ and tls/ are certificates.
# A line taken out is generated anew by the next `up`. Save and leave to keep the changes.
"""
Again = Callable[[InvalidInput], bool]


def edit(secrets: Secrets, again: Again) -> tuple[list[str], list[str]]:
    """Open the secrets in the user's editor and keep what was changed; returns the names (set, removed).

    Args:
        secrets: read now; what others saved meanwhile is kept.
        again: asked when the text is wrong: open it once more?

    Raises:
        InvalidInput: the text is wrong and `again` said no; nothing is saved.
        MassiveDeployError: there is no editor, or it failed; nothing is saved.
    """
    before = secrets.values()
    with _private_file() as file:
        file.write_text(_HEADER + "".join(f"{name}: {value}\n" for name, value in before.items()), encoding="utf-8")
        while True:
            _open_editor(file)
            try:
                after = parse(file.read_text(encoding="utf-8", errors="replace"))
                break
            except InvalidInput as error:
                if not again(error):
                    raise
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    removed = [name for name in before if name not in after]
    if changed or removed:
        current = Secrets(secrets.file.parent)
        current.update(changed, removed)
        current.save()
    return sorted(changed), removed


def parse(text: str) -> Mapping[str, str]:
    """The `name: value` lines of a text; # begins a comment, quotes around a value are taken off.

    Raises:
        InvalidInput: every wrong line; shows no value.
    """
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, value = (word.strip() for word in line.partition(":"))
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        why = problem_with(name, value) if colon else "no `name: value`"
        if name in found:
            why = "this name is there twice"
        if why:
            problems.append(Problem("secrets", number, 1, name if colon else "", why))
        found[name] = value
    if problems:
        raise InvalidInput(problems)
    return found


def _open_editor(file: Path) -> None:
    words = _editor()
    try:
        done = subprocess.run([*words, str(file)], check=False)
    except OSError as error:
        raise MassiveDeployError(f"cannot start the editor {words[0]}: {error.strerror}", "set EDITOR") from error
    if done.returncode:
        raise MassiveDeployError(f"the editor {words[0]} ended with {done.returncode}; nothing is saved", "set EDITOR")


def _editor() -> list[str]:
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if words:
        return words
    for name in ("editor", "nano", "vi"):
        if shutil.which(name):
            return [name]
    raise MassiveDeployError("there is no editor here", "set EDITOR, such as: EDITOR=nano")


@contextmanager
def _private_file() -> Iterator[Path]:
    """A 0600 file in a 0700 folder of its own, in memory where the system has such a place; both are removed.

    An editor's copies lie in that folder too.
    """
    folder = Path(tempfile.mkdtemp(prefix="massive-deploy-", dir=_memory()))
    file = folder / "secrets.yaml"
    try:
        with _signals_raise():
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            yield file
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> str | None:
    place = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    in_memory = any(line.split()[1:3] == [str(place), "tmpfs"] for line in mounts)
    return str(place) if in_memory and os.access(place, os.W_OK | os.X_OK) else None


@contextmanager
def _signals_raise() -> Iterator[None]:
    """A closed terminal or a `kill` leaves through `finally`, too."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
