"""What a check came to, as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed", "error", "skipped"]

NO_CONNECTION = "no connection: "
"""How the message of every check begins whose host cannot be reached."""


@dataclass(frozen=True, slots=True)
class Result:
    """One check of one role on one host.

    `title` is the check's docstring, `message` is empty when it passed. `failed` means that the host is not
    as it should be; `error` that the check could not tell (no connection, or a mistake in the check itself).
    """

    role: str
    host: str
    check: str
    title: str
    outcome: Outcome
    seconds: float
    message: str = ""

    @property
    def bad(self) -> bool:
        """Whether it makes the run fail."""
        return self.outcome in ("failed", "error")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many checks came to what, and on how many hosts they ran."""

    hosts: int
    passed: int
    failed: int
    errors: int
    skipped: int

    @property
    def total(self) -> int:
        """All checks, skipped ones too."""
        return self.passed + self.failed + self.errors + self.skipped

    @property
    def good(self) -> bool:
        """Whether something was checked and nothing was bad."""
        return self.passed > 0 and not self.failed and not self.errors


def tally(results: Iterable[Result]) -> Tally:
    """Counts the results."""
    rows = list(results)
    count = Counter(row.outcome for row in rows)
    hosts = len({row.host for row in rows})
    return Tally(hosts, count["passed"], count["failed"], count["error"], count["skipped"])
