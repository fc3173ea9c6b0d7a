"""What a check is, what it is told of a host, and what it may find."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from massive_deploy.desired import Desired, File
from massive_deploy.topology.layout import Host, Layout

Outcome = Literal["passed", "failed", "skipped", "error"]


@dataclass(frozen=True, slots=True)
class Subject:
    """One host of an audit: its place in the layout, and what its roles want of it (without secrets).

    `inventory` is the folder as commands take it; `now` is in seconds since 1970.
    """

    inventory: str
    host: Host
    layout: Layout
    desired: Mapping[str, Desired]
    now: float = 0.0

    @property
    def files(self) -> tuple[File, ...]:
        """All managed files."""
        return tuple(file for desired in self.desired.values() for file in desired.files)

    def runs(self, *roles: str) -> bool:
        """Whether the host runs one of the roles."""
        return any(role in self.desired for role in roles)

    def on_host(self, command: str) -> str:
        """What to type to run a command there."""
        return f"massive-deploy exec {self.inventory} --hosts {self.host.name} -- {command}"

    @property
    def up(self) -> str:
        """What to type to bring the host to what its roles want."""
        return f"massive-deploy up {self.inventory}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, and what to type next."""

    what: str
    next: str = ""


class Skipped(Exception):
    """Raised by `judge` where there is nothing to judge; says why."""


class Unclear(Exception):
    """Raised by `judge` when the host's answer does not tell; says what is missing."""


class Check(Protocol):
    """What a module below checks/ exports; its name is the check's id, its docstring its title.

    LOOKS_AT: what is read. WHY: why it matters. `script`: shell text that reads it as root and changes nothing, empty
    where there is nothing to read. `judge` is pure: from what the script printed to findings; none: it passed.
    """

    __name__: str
    __doc__: str
    LOOKS_AT: str
    WHY: str

    def script(self, subject: Subject) -> str:
        """What to run on the host."""

    def judge(self, subject: Subject, seen: str) -> Iterable[Finding]:
        """What is wrong. Raises Skipped or Unclear."""


@dataclass(frozen=True, slots=True)
class Result:
    """One check on one host. `why` says why it was skipped, or could not tell."""

    check: str
    host: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    why: str = ""


def catalogue() -> Mapping[str, Check]:
    """All checks by id, sorted."""
    package = importlib.import_module("massive_deploy.audit.checks")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: cast("Check", importlib.import_module(f"{package.__name__}.{name}")) for name in names}


def title(check: Check) -> str:
    """The first line of its docstring."""
    return check.__doc__.strip().splitlines()[0]
