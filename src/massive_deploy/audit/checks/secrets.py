"""Files with secrets belong to who reads them, and nobody else can."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from massive_deploy.audit.check import Finding, Skipped, Subject
from massive_deploy.desired import File

LOOKS_AT = "mode and owner of every managed file that holds a secret"
WHY = "a password that any process on the host can read is every process's password"


def script(subject: Subject) -> str:
    """One line a file: its mode, owner, group and path."""
    paths = [file.path for file in _secret(subject)]
    return f"stat --printf '%a %U %G %n\\n' -- {shlex.join(paths)}" if paths else ""


def judge(subject: Subject, seen: str) -> Iterator[Finding]:
    """Files that are missing, of somebody else, or open to more than they should be."""
    files = _secret(subject)
    if not files:
        raise Skipped("no file here holds a secret")
    found = {}
    for line in seen.splitlines():
        words = line.split(" ", 3)
        if len(words) == 4 and words[0].isdigit():
            found[words[3]] = (int(words[0], 8), words[1], words[2])
    for file in files:
        if file.path not in found:
            yield Finding(f"{file.path} is not there", subject.up)
            continue
        mode, owner, group = found[file.path]
        if (owner, group) != (file.owner, file.group):
            yield Finding(f"{file.path} belongs to {owner}:{group}, not {file.owner}:{file.group}", subject.up)
        if mode & ~file.mode:
            yield Finding(f"{file.path} has mode {mode:04o}, more than {file.mode:04o}", subject.up)


def _secret(subject: Subject) -> tuple[File, ...]:
    return tuple(
        sorted({file.path: file for file in subject.files if file.secret}.values(), key=lambda file: file.path)
    )
