"""Stacks: which parts share a host. Found in the user's stacks/ folder first, then among ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from massive_deploy.errors import InvalidInput, Problem
from massive_deploy.paths import search_path

from .document import Document, read
from .fields import did_you_mean
from .model import Identifier, Line, Name, Strict, Topology
from .nodes import printable
from .words import problems

_OWN = ("name", "stack", "hosts", "app")

Counted = Literal["edge_servers", "app_servers", "databases", "caches"]


class Group(Strict):
    """Hosts that are alike."""

    parts: list[Identifier] = Field(min_length=1)
    """Parts its hosts play: edge, app, database, memcached, redis, monitor, or one a role of your own is placed on."""
    count: Counted | Annotated[int, Field(ge=1, le=1000)]
    """How many: a number, or what it is counted from. databases = shards x (1 + replicas); caches = the larger of
    cache.memcached and cache.redis."""


class Stack(Strict):
    """A named composition of roles: host groups and how many hosts each has."""

    summary: Line
    """One line for `massive-deploy init` and the documentation."""
    hosts: dict[Name, Group] = Field(min_length=1)
    """Host groups by name, in the order in which machines are given to them."""
    quorum: list[str] = Field(min_length=1)
    """Groups in the order in which etcd's three members are chosen."""
    defaults: dict[str, Any] = Field(default_factory=dict)
    """Topology values of this stack where the user wrote nothing."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        parts = [part for group in self.hosts.values() for part in group.parts]
        twice = sorted({part for part in parts if parts.count(part) > 1})
        if twice:
            raise ValueError(f"each part belongs to one group; several have {', '.join(twice)}")
        if "quorum" in parts or "every" in parts:
            raise ValueError(
                "quorum and every are not parts of a group: quorum hosts are chosen, every means all hosts"
            )
        if missing := {"edge", "app", "database", "redis", "monitor"} - set(parts):
            raise ValueError(f"no group has {', '.join(sorted(missing))}")
        if unknown := [name for name in self.quorum if name not in self.hosts]:
            raise ValueError(f"quorum names groups that do not exist: {', '.join(unknown)}")
        return self

    def size(self, group: str, topology: Topology) -> int:
        """How many hosts the group has for this topology."""
        count = self.hosts[group].count
        return count if isinstance(count, int) else counts(topology)[count]


def counts(topology: Topology) -> Mapping[str, int]:
    """What groups can be counted from."""
    return {
        "edge_servers": topology.edge_servers,
        "app_servers": topology.app_servers,
        "databases": topology.shards * (1 + topology.replicas),
        "caches": max(topology.cache.memcached, topology.cache.redis),
    }


def demand(part: str, topology: Topology) -> int | None:
    """How many hosts must play the part; None when every host of its group does."""
    return {
        "edge": topology.edge_servers,
        "app": topology.app_servers,
        "database": topology.shards * (1 + topology.replicas),
        "memcached": topology.cache.memcached,
        "redis": topology.cache.redis,
    }.get(part)


def stacks(project: Path | None) -> Mapping[str, Path]:
    """Every stack's file by the stack's name; the user's own hide ours of the same name."""
    found: dict[str, Path] = {}
    for folder in search_path("stacks", project):
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def load_stack(name: str, project: Path | None, document: Document | None = None) -> Stack:
    """The stack of that name; `document` is where it was asked for, to say the place when there is none.

    Raises:
        InvalidInput: no such stack, or its file is wrong.
    """
    known = stacks(project)
    if name not in known:
        hint = did_you_mean(name, known)
        what = f"no stack '{printable(name)}'"
        raise InvalidInput(
            [document.problem(("stack",), what, hint) if document else Problem(name, 0, 0, "", what, hint)]
        )
    return read_stack(known[name])


def read_stack(path: Path) -> Stack:
    """A stack's file, with its defaults checked against the topology's own ranges."""
    document = read(path)
    try:
        stack = Stack.model_validate(document.data)
    except ValidationError as error:
        raise InvalidInput(problems(error, document, Stack)) from error
    if found := _wrong_defaults(stack, document):
        raise InvalidInput(found)
    return stack


def _wrong_defaults(stack: Stack, document: Document) -> list[Problem]:
    if taken := [name for name in _OWN if name in stack.defaults]:
        at = ("defaults", taken[0])
        return [document.problem(at, f"a stack cannot give a default for '{taken[0]}'", "remove it", key=True)]
    if not stack.defaults:
        return []
    least = {"name": "any", "app": {"source": ".", "settings": "any.settings"}}
    try:
        Topology.model_validate(least | stack.defaults)
    except ValidationError as error:
        return problems(error, document, Topology, ("defaults",))
    return []
