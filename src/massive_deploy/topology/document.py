"""A YAML file as plain values, each with its line and column. Everything wrong with the file is found at once."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import ComposerError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode
from ruamel.yaml.reader import ReaderError

from massive_deploy.errors import InvalidInput, Problem

from .nodes import DEEPEST, Location, Walk, dotted

_UNREADABLE = {
    errno.EISDIR: ("is a folder", "give the folder that holds topology.yaml, or the file itself"),
    errno.ELOOP: ("is a symbolic link that leads back to itself", "remove the link and write the file"),
    errno.EACCES: ("may not be read by this user", "chmod u+r it, or run as its owner"),
    errno.ENOENT: ("is not there", "check the path"),
}
LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """The values of one file. `keys` and `values` map a location such as ("cache", "redis") to line and column."""

    path: Path
    data: Mapping[str, Any]
    keys: Mapping[Location, tuple[int, int]] = field(default_factory=dict)
    values: Mapping[Location, tuple[int, int]] = field(default_factory=dict)

    def position(self, location: Location, *, key: bool = False) -> tuple[int, int]:
        """Where the value (or its key) stands; the nearest one above it when it is not in the file."""
        first = self.keys if key else self.values
        for length in range(len(location), 0, -1):
            for positions in (first, self.keys):
                if (found := positions.get(location[:length])) is not None:
                    return found
        return (1, 1)

    def problem(self, location: Location, what: str, fix: str = "", *, key: bool = False) -> Problem:
        """A problem at this location of the file."""
        line, column = self.position(location, key=key)
        return Problem(str(self.path), line, column, dotted(location), what, fix)


def read(path: Path) -> Document:
    """The one mapping in a YAML 1.2 file.

    Raises:
        InvalidInput: unreadable, not UTF-8, not YAML, several documents, not a mapping, duplicate keys, tags, cycles.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        what, fix = _UNREADABLE.get(error.errno or 0, (f"cannot be read: {error.strerror}", "check the path"))
        raise _refused(path, 0, 0, what, fix) from error
    if len(raw) > LARGEST:
        raise _refused(path, 0, 0, f"is {len(raw)} bytes long; at most {LARGEST} are read", "is this the right file?")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(raw[: error.start].decode("utf-8-sig"), len(raw))
        raise _refused(path, line, column, "is not UTF-8 text", "save the file as UTF-8") from error
    return _parse(path, text)


def _parse(path: Path, text: str) -> Document:
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    yaml.max_depth = DEEPEST
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        raise InvalidInput([_syntax(path, error)]) from error
    except ReaderError as error:
        line, column = _place(text, error.position)
        raise _refused(path, line, column, "a control character", "remove it") from error
    except YAMLError as error:
        raise _refused(path, 1, 1, f"is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise _refused(path, 1, 1, "is nested too deeply", "flatten it") from error
    if root is None:
        raise _refused(
            path, 1, 1, "is empty", "write `key: value` lines; `massive-deploy init` makes a file to start from"
        )
    if not isinstance(root, MappingNode):
        line, column = root.start_mark.line + 1, root.start_mark.column + 1
        raise _refused(
            path, line, column, "holds no mapping at the top", "write `key: value` lines, without a leading dash"
        )
    walk = Walk(str(path))
    data = walk.value(root, ())
    if walk.problems:
        raise InvalidInput(walk.problems)
    return Document(path, data, walk.keys, walk.values)


def _syntax(path: Path, error: MarkedYAMLError) -> Problem:
    mark, what, fix = error.problem_mark, str(error.problem), ""
    if "'\\t'" in what:
        what, fix = "a tab where YAML wants spaces", "indent with spaces"
    elif "mapping values are not allowed" in what:
        what, fix = "a ':' is not possible here", "check the indentation; put a text that holds ': ' in quotes"
    elif "unexpected end of stream" in what:
        what, fix = "a quote is never closed", "close it"
        mark = error.context_mark or mark
    elif "maximum depth" in what:
        what, fix = "is nested too deeply", "flatten it"
    elif "another document" in what:
        what, fix = "a second document begins here", "keep one document a file: remove the `---`"
    elif isinstance(error, ComposerError) and "undefined alias" in what:
        fix = "define the anchor with & above this line"
    else:
        what = f"is not YAML: {what}"
        fix = "check indentation, brackets and quotes above this place"
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return Problem(str(path), line, column, "", what, fix)


def _place(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _refused(path: Path, line: int, column: int, what: str, fix: str = "") -> InvalidInput:
    return InvalidInput([Problem(str(path), line, column, "", what, fix)])
