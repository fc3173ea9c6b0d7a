"""From a topology file to values: every problem in it at once, each with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from massive_deploy.errors import InvalidInput, Problem

from .document import Document, read
from .fields import combined
from .model import Strict, Topology
from .plain_secrets import check_secrets
from .rules import check, warn
from .stacks import Stack, load_stack
from .words import problems

__all__ = ["Document", "Loaded", "load", "read"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A topology that is right in itself, the settings of every role, and the stack it names."""

    topology: Topology
    settings: Mapping[str, Strict]
    stack: Stack
    document: Document
    warnings: tuple[Problem, ...] = ()


def load(path: Path, roles: Mapping[str, type[Strict]], project: Path | None = None) -> Loaded:
    """The topology in a file. `roles` maps each known role to its Settings; stacks are looked up in the project first.

    Raises:
        InvalidInput: everything wrong with the file, or with the file of its stack.
    """
    document = read(path)
    data = {key: value for key, value in document.data.items() if not key.startswith("x-")}
    model = combined(roles)
    found = list(check_secrets(document))
    secret = {problem.where for problem in found}
    stack = _stack(data, document, project, found)
    try:
        given = _over(stack.defaults if stack else {}, data)
        full = model.model_validate_json(json.dumps(_with_sections(model, given)))
    except ValidationError as error:
        others = [problem for problem in problems(error, document, model) if problem.where not in secret]
        raise InvalidInput(_ordered(found + others)) from error
    topology = _plain(full)
    if stack is not None:
        found += check(topology, stack, document, set(roles))
    if stack is None or found:
        raise InvalidInput(_ordered(found))
    section: Any = getattr(full, "roles")  # noqa: B009 - the field exists on the combined model only
    settings = {name: getattr(section, name) for name in roles}
    return Loaded(topology, settings, stack, document, tuple(warn(topology, stack, document)))


def _plain(full: Topology) -> Topology:
    """The topology without its roles: a value that equals another load of the same file."""
    values = {name: getattr(full, name) for name in Topology.model_fields}
    return Topology.model_construct(full.model_fields_set & set(values), **values)


def _stack(data: Mapping[str, Any], document: Document, project: Path | None, found: list[Problem]) -> Stack | None:
    name = data.get("stack", Topology.model_fields["stack"].default)
    if not isinstance(name, str):
        return None
    try:
        return load_stack(name, project, document)
    except InvalidInput as error:
        found += error.problems
        return None


def _over(defaults: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The user's values over a stack's defaults, mapping by mapping."""
    result = {**defaults, **data}
    for key, value in defaults.items():
        if isinstance(value, dict) and isinstance(own := data.get(key), dict):
            result[key] = _over(value, own)
    return result


def _with_sections(model: type[BaseModel], data: Mapping[str, Any]) -> dict[str, Any]:
    """The values with an empty mapping for each section that is not there.

    Its default is the same, but would have pydantic build the section's model once more by itself.
    """
    result = dict(data)
    for name, info in model.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, Strict) and not (info.is_required() and name not in data):
            value = result.setdefault(name, {})
            result[name] = _with_sections(inner, value) if isinstance(value, dict) else value
    return result


def _ordered(found: list[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(found), key=lambda problem: (problem.file, problem.line, problem.column))
