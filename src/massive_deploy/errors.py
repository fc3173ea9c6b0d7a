"""The errors users meet: what, where, why, and what to type next. Each carries its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class Exit:
    """Exit codes of every command (docs/exit-codes.md)."""

    DONE = 0
    FAILED = 1
    CHANGES = 2
    REFUSED = 3
    LOCKED = 4
    PARTIAL = 5
    INVALID = 6
    INTERRUPTED = 130


class MassiveDeployError(Exception):
    """Base of all errors meant for the user.

    Args:
        what: one sentence, no trailing hint.
        fix: what to type or change next; may be empty.
    """

    code = Exit.FAILED

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class Refused(MassiveDeployError):
    """A guard said no; nothing was touched."""

    code = Exit.REFUSED


class Interrupted(MassiveDeployError):
    """The user (SIGINT) or the system (SIGTERM) ended the run."""

    code = Exit.INTERRUPTED


class Locked(MassiveDeployError):
    """Another run holds the lock."""

    code = Exit.LOCKED


class Unusable(MassiveDeployError):
    """A file the inventory needs (its secrets, a key) is missing, damaged or not for this user. No host was touched."""

    code = Exit.INVALID


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file the user wrote. Line and column count from 1; 0 means the whole file."""

    file: str
    line: int
    column: int
    where: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        key = f" {self.where}:" if self.where else ""
        fix = f" ({self.fix})" if self.fix else ""
        return f"{place}:{key} {self.what}{fix}"


class InvalidInput(MassiveDeployError):
    """The topology (or another file of the user) is wrong. No host was contacted."""

    code = Exit.INVALID

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class HostFailure:
    """One host's failure in a stage: which step, its cause, and the next command."""

    host: str
    stage: str
    step: str
    cause: str
    next: str = ""


class HostsFailed(MassiveDeployError):
    """Some hosts failed; stages that had finished keep running as they were."""

    code = Exit.PARTIAL

    def __init__(self, failures: Sequence[HostFailure]) -> None:
        names = ", ".join(sorted({failure.host for failure in failures}))
        super().__init__(f"failed on {names}")
        self.failures = tuple(failures)
