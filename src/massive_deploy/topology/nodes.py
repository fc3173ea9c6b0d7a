"""Plain values from composed YAML nodes, by the core schema of YAML 1.2: `no`, `1_000` and `12:30` are texts."""

from __future__ import annotations

import json
import re
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from massive_deploy.errors import Problem

Location = tuple[str | int, ...]

_MOST = 20_000
DEEPEST = 50
_TAG = "tag:yaml.org,2002:"
_CORE = ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
_PLAIN = re.compile(r"^[A-Za-z0-9_*-]+$")
_NULL = re.compile(r"^(~|null|Null|NULL|)$")
_BOOL = re.compile(r"^(true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"^[-+]?[0-9]{1,400}$")
_BASED = re.compile(r"^0(o[0-7]{1,400}|x[0-9a-fA-F]{1,400})$")
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")


class _Stop(Exception):
    pass


def dotted(location: Location) -> str:
    """A location as users write it: `hosts.db1.port`, `app.pip[0]`; odd keys are quoted."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if _PLAIN.match(part) else f'"{printable(part)}"'
            text += f".{word}" if text else word
    return text


def printable(text: str) -> str:
    """The text with everything escaped that would break a line or steer a terminal, cut to 60 characters."""
    text = text if len(text) <= 60 else text[:57] + "..."
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def scalar(tag: str, text: str) -> Any:
    """The value of a scalar whose tag YAML's resolver found; what only YAML 1.1 takes for a number stays text."""
    if tag == "null" and _NULL.match(text):
        return None
    if tag == "bool" and _BOOL.match(text):
        return text.lower() == "true"
    if tag == "int" and _BASED.match(text):
        return int(text, 0)
    if tag == "int" and _INT.match(text):
        return int(text)
    if tag == "float" and _FLOAT.match(text):
        return float(text)
    return text


class Walk:
    """One pass over the nodes of a document. Collects positions and problems; aliases are expanded, within limits."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.keys: dict[Location, tuple[int, int]] = {}
        self.values: dict[Location, tuple[int, int]] = {}
        self._seen = 0
        self._open: list[int] = []

    def value(self, root: Node, location: Location) -> Any:
        """The value of a node; None for parts that are refused, with a problem noted."""
        try:
            return self._value(root, location)
        except _Stop:
            return None

    def _value(self, node: Node, location: Location) -> Any:
        self._seen += 1
        self.values[location] = _mark(node)
        if self._seen > _MOST or len(self._open) > DEEPEST:
            self._note(node, location, "grows too large when its aliases are followed", "write it with fewer aliases")
            raise _Stop
        if id(node) in self._open:
            self._note(node, location, "an alias that holds itself", "remove the `*` alias")
            return None
        tag = str(node.tag).removeprefix(_TAG)
        if tag not in _CORE:
            self._note(
                node,
                location,
                f"the tag '{printable(str(node.tag).replace(_TAG, '!!'))}' is not allowed",
                "remove it: plain values only",
            )
            return None
        self._open.append(id(node))
        try:
            return self._inner(node, tag, location)
        finally:
            self._open.pop()

    def _inner(self, node: Node, tag: str, location: Location) -> Any:
        if isinstance(node, MappingNode):
            return self._mapping(node, location)
        if isinstance(node, SequenceNode):
            return [self._value(child, (*location, index)) for index, child in enumerate(node.value)]
        value = scalar(tag, str(node.value))
        if isinstance(value, str) and not _encodes(value):
            self._note(node, location, "half of a character (a lone surrogate)", "write the whole character")
        return value

    def _mapping(self, node: MappingNode, location: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[Node] = []
        for key, child in node.value:
            if not isinstance(key, ScalarNode) or not _encodes(str(key.value)):
                self._note(key, location, "a key must be plain text", "write `key: value`")
            elif str(key.tag) == _TAG + "merge":
                merged += child.value if isinstance(child, SequenceNode) else [child]
            elif key.value in lines:
                what = f"duplicate key '{printable(key.value)}'"
                self._note(key, (*location, key.value), what, f"it stands in line {lines[key.value]} already: keep one")
            else:
                lines[key.value] = _mark(key)[0]
                self.keys[*location, key.value] = _mark(key)
                result[key.value] = self._value(child, (*location, key.value))
        for child in merged:
            self._merge(child, location, result)
        return result

    def _merge(self, node: Node, location: Location, result: dict[str, Any]) -> None:
        if not isinstance(node, MappingNode):
            self._note(node, location, "`<<` needs a mapping", "name an anchor of a mapping")
            return
        inner = Walk(self.file)
        inner._seen, inner._open, inner.problems = self._seen, self._open, self.problems
        values = inner._value(node, location)
        self._seen = inner._seen
        for key, value in (values or {}).items():
            if key not in result:
                result[key] = value
                at = len(location)
                self.keys.update({k: v for k, v in inner.keys.items() if k[at : at + 1] == (key,)})
                self.values.update({k: v for k, v in inner.values.items() if k[at : at + 1] == (key,)})

    def _note(self, node: Node, location: Location, what: str, fix: str) -> None:
        self.problems.append(Problem(self.file, *_mark(node), dotted(location), what, fix))


def _mark(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _encodes(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
