"""Other counts in one go: the topology's text is edited, the hosts follow, hosts that are over are taken out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from massive_deploy import atomic
from massive_deploy.errors import InvalidInput, MassiveDeployError, Refused
from massive_deploy.inventory import open_inventory
from massive_deploy.topology.document import read
from massive_deploy.topology.edit import COUNTS, scaled

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory

_WORD = re.compile(r"([a-z_]+)=([+-]?)([0-9]+)")


def wanted(words: Sequence[str], inventory: Inventory) -> dict[str, int]:
    """Counts by name from words such as `app_servers=4` or `replicas=+1`, which counts from what the topology says.

    Raises:
        MassiveDeployError: a word is not of that form, or names what cannot be scaled.
    """
    found: dict[str, int] = {}
    for word in words:
        match = _WORD.fullmatch(word)
        if match is None:
            raise MassiveDeployError(f"{word!r} is no count", "write it like app_servers=4, replicas=+1 or shards=2")
        name, sign, digits = match.groups()
        if name not in COUNTS:
            near = get_close_matches(name, COUNTS, 1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            raise MassiveDeployError(f"'{name}' cannot be scaled{hint}", f"there are: {', '.join(COUNTS)}")
        now: int = getattr(inventory.topology, name)
        found[name] = {"": 0, "+": now, "-": now}[sign] + (-int(digits) if sign == "-" else int(digits))
    return found


class Edit:
    """The topology file with other counts; `undo` puts its text back."""

    def __init__(self, file: Path, counts: dict[str, int]) -> None:
        self.file = file
        self.before = file.read_bytes()
        self.counts = counts

    def apply(self) -> Inventory:
        """Write it, and open the inventory as it is then.

        Raises:
            InvalidInput: no such stack is possible; the file is as it was.
            Refused: the file cannot be written.
        """
        text = scaled(self.before.decode("utf-8"), read(self.file), self.counts)
        try:
            atomic.replace(self.file, text.encode(), self.file.stat().st_mode & 0o777)
        except OSError as error:
            raise Refused(f"{self.file} cannot be written: {error.strerror}", "make it writable") from error
        try:
            return open_inventory(self.file)
        except InvalidInput:
            self.undo()
            raise

    def undo(self) -> None:
        """As if nothing had been edited."""
        atomic.replace(self.file, self.before, self.file.stat().st_mode & 0o777)
