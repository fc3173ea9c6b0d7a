"""What one probe saw of one host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """A path that exists: its kind (`file`, `directory`, `link`, `other`), octal mode, ownership, SHA-256 of a file."""

    kind: str
    mode: int
    owner: str
    group: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class UnitState:
    """A systemd unit as `systemctl show` tells it."""

    load: str
    active: str
    sub: str
    enabled: str
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """A host's size and what else a run depends on. `system` is the kernel's name and `release` the distribution's, as
    `debian 13`; `clock` is in seconds since 1970; `free_mb` is what /var has left; `read_only` are folders.
    """

    cpus: int = 0
    memory_mb: int = 0
    system: str = ""
    release: str = ""
    clock: int | None = None
    free_mb: int | None = None
    read_only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """The state of one host, read in one round trip. A host that does not exist yet is `Observed(exists=False)`.

    `kept` are roles that have kept what ran before a change.
    """

    exists: bool = True
    facts: Facts = Facts()
    entries: Mapping[str, Entry] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    dpkg_broken: bool = False
    users: Mapping[str, frozenset[str]] = field(default_factory=dict)
    units: Mapping[str, UnitState] = field(default_factory=dict)
    stamps: Mapping[str, str] = field(default_factory=dict)
    managed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)
    guards: Mapping[str, str] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
