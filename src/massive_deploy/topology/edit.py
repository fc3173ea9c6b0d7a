"""Counts of a topology file changed in its text: comments, order and layout stay as the user wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from massive_deploy.errors import InvalidInput

from .document import Document
from .model import Topology

COUNTS = tuple(name for name, field in Topology.model_fields.items() if field.annotation is int)
"""What may be scaled: the whole numbers at the topology's first level."""
_BEFORE = ("name", "stack", "target", *COUNTS)
_NUMBER = re.compile(r"[0-9]+")


def scaled(text: str, document: Document, counts: Mapping[str, int]) -> str:
    """The file's text with these counts; `document` is what was read from `text`.

    Raises:
        InvalidInput: a count is not written as a plain number, or there is no line to put a new one below.
    """
    lines = text.splitlines(keepends=True)
    new = [name for name in counts if (name,) not in document.values]
    for name, value in counts.items():
        if name not in new:
            _replace(lines, document, name, value)
    if new:
        at = _below(lines, document, new[0])
        lines[at:at] = [f"{name}: {counts[name]}\n" for name in new]
    return "".join(lines)


def _replace(lines: list[str], document: Document, name: str, value: int) -> None:
    line, column = document.values[(name,)]
    found = _NUMBER.match(lines[line - 1], column - 1)
    if found is None:
        raise InvalidInput(
            [document.problem((name,), "is not a plain number here", f"write `{name}: {value}` by hand")]
        )
    lines[line - 1] = f"{lines[line - 1][: found.start()]}{value}{lines[line - 1][found.end() :]}"


def _below(lines: list[str], document: Document, name: str) -> int:
    """The number of lines above a new one."""
    places = [document.keys[(one,)] for one in _BEFORE if (one,) in document.keys]
    if not places or any(column != 1 for _, column in places):
        raise InvalidInput([document.problem((name,), "has no line of its own", f"write `{name}: …` by hand")])
    last = max(line for line, _ in places)
    if not lines[last - 1].endswith("\n"):
        lines[last - 1] += "\n"
    return last
