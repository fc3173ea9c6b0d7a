"""Where machines come from. A target makes and removes machines, gives SSH coordinates, knows no role."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ssh:
    """How to reach one host. `known_hosts` is a file holding its host key, or None for the user's own."""

    host: str
    port: int = 22
    user: str = "root"
    key: Path | None = None
    known_hosts: Path | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine to be made: its name, fixed IPv4 address, memory in MiB and number of CPUs."""

    name: str
    address: str
    memory_mb: int
    cpus: float


Say = Callable[[str], None]


class Target(Protocol):
    """Source of machines for one inventory."""

    def ensure(self, machines: Sequence[Machine], say: Say) -> Mapping[str, Ssh]:
        """Make the machines that are missing, start those stopped; return how to reach each (by name)."""

    def reach(self, machines: Sequence[Machine]) -> Mapping[str, Ssh]:
        """How to reach each machine, changing nothing. Missing machines still get coordinates."""

    def present(self) -> Sequence[str]:
        """Names of this inventory's machines that exist, running or not."""

    def remove(self, names: Sequence[str], say: Say) -> None:
        """Remove these machines, if this target made them; given ones are left as they are."""

    def destroy(self, say: Say) -> None:
        """Remove every machine, network and key of this inventory."""
