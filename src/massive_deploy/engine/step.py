"""One action on one host as a value: a shell script, what goes in on its standard input, files up and down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """A named shell script run as root.

    `stdin` may hold secrets and is never shown. `upload` is put on the host first; its place is in `$ARTIFACT`.
    `download` is (path on the host, local file), fetched after the script succeeded. `timeout` is in seconds. `confirm`
    is a script that must then succeed over a connection opened for it.
    """

    role: str
    name: str
    script: str
    stdin: str = ""
    timeout: int = 180
    upload: Path | None = None
    download: tuple[str, Path] | None = None
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command printed, and whether it succeeded."""

    ok: bool
    stdout: str
    stderr: str

    @property
    def cause(self) -> str:
        """The last telling lines, for a failure report."""
        lines = [line for line in (self.stderr.strip() or self.stdout.strip()).splitlines() if line.strip()]
        return "\n".join(lines[-12:]) or "no output"
