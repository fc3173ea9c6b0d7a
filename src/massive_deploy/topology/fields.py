"""Walking the models by location: which field a key names, and which keys it might have been."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Field, create_model
from pydantic.fields import FieldInfo

from .model import Strict, Topology
from .nodes import Location


def combined(roles: Mapping[str, type[Strict]] | None = None) -> type[Topology]:
    """The topology with its `roles:` section: one field for each role, of the role's own Settings."""
    return _combined(tuple(sorted((roles or {}).items())))


@lru_cache(maxsize=8)
def _combined(roles: tuple[tuple[str, type[Strict]], ...]) -> type[Topology]:
    fields: dict[str, Any] = {
        name: (settings, Field(default_factory=settings, description=summary(settings))) for name, settings in roles
    }
    section: type[Strict] = create_model("Roles", __base__=Strict, **fields)
    return create_model(
        "Topology",
        __base__=Topology,
        __doc__=Topology.__doc__,
        roles=(section, Field(default_factory=section, description="Settings of each role, by the role's name.")),
    )


def summary(model: type[BaseModel]) -> str:
    """First paragraph of a model's own docstring, on one line; empty when it has none."""
    text = model.__dict__.get("__doc__") or ""
    return " ".join(text.strip().split("\n\n")[0].split())


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as `Reads`, `Reads | None`, `dict[str, Reads]` or `list[Reads]`."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, BaseModel) else None
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return model_in(inner[1])
    if origin in {list, tuple, Union, UnionType, Annotated}:
        return next((found for found in map(model_in, inner) if found is not None), None)
    return None


def holds_keys(annotation: Any) -> bool:
    """Whether the annotation is a mapping with free keys or a list, whose items are not fields."""
    origin = get_origin(annotation)
    if origin in {Union, UnionType, Annotated}:
        return any(holds_keys(inner) for inner in get_args(annotation))
    return origin in {dict, list, tuple}


def model_at(root: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The model whose fields are the keys at this location of a document; None when its keys are free."""
    model: type[BaseModel] | None = root
    free = False
    for part in location:
        if free:
            free = False
            continue
        info = model.model_fields.get(str(part)) if model is not None else None
        if info is None:
            return None
        model, free = model_in(info.annotation), holds_keys(info.annotation)
    return None if free else model


@dataclass(frozen=True, slots=True)
class Named:
    """A field with its dotted path; `free` marks the place of a free key in it as `<name>`."""

    path: str
    info: FieldInfo
    owner: type[BaseModel]


def walk(root: type[BaseModel], prefix: str = "") -> Iterator[Named]:
    """Every field below a model, outer ones first, in the order they were written."""
    for name, info in root.model_fields.items():
        path = f"{prefix}{name}"
        yield Named(path, info, root)
        inner = model_in(info.annotation)
        if inner is not None:
            yield from walk(inner, f"{path}.<name>." if holds_keys(info.annotation) else f"{path}.")


def close(word: str, words: Iterable[str]) -> str:
    """The word most like this one, or an empty text."""
    found = difflib.get_close_matches(word, sorted(words), 1, 0.6)
    return found[0] if found else ""


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """A hint for a word that is not one of these."""
    known = sorted(words)
    found = close(word, known)
    return f"did you mean '{found}'?" if found else f"known here: {', '.join(known)}" if known else ""
