"""A field's type, default and range in words."""

from __future__ import annotations

import json
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .forms import WORDS
from .units import parse_megabytes, parse_size

_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", NoneType: "nothing"}
_LIMITS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
}
_SIZES = {parse_size: "size in bytes, such as 16MiB", parse_megabytes: "size in MiB, such as 512 or 2GiB"}


def type_of(annotation: Any) -> str:
    """The type as users think of it: `whole number`, `text`, `one of fast, normal, safe`, `list of text`."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _sized(inner[1:]) or type_of(inner[0])
    if origin is Literal:
        return f"one of {', '.join(str(value) for value in inner)}"
    if origin in {Union, UnionType}:
        return " or ".join(type_of(member) for member in inner if member is not NoneType)
    if origin is not None:
        return f"mapping from a name to {type_of(inner[1])}" if origin is dict else f"list of {type_of(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def field_type(info: FieldInfo) -> str:
    """The type of a field; sizes are recognised by what parses them."""
    return _sized(info.metadata) or type_of(info.annotation)


def default_of(info: FieldInfo) -> str:
    """The default as one would write it in YAML; `required` when there is none."""
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        return ""
    return "none" if value is None else json.dumps(value, default=str)


def range_of(info: FieldInfo) -> str:
    """Limits and form, in words."""
    found: list[str] = []
    for mark in _marks(info):
        for name, form in _LIMITS.items():
            limit = getattr(mark, name, None)
            found += [form.format(limit)] if limit is not None else []
        pattern = getattr(mark, "pattern", None)
        found += [WORDS.get(pattern, f"matches {pattern}")] if isinstance(pattern, str) else []
    return "; ".join(dict.fromkeys(found))


def talk_of(info: FieldInfo) -> str:
    """The words of the talk a field comes from; empty when it comes from none."""
    extra = info.json_schema_extra
    words = extra.get("talk") if isinstance(extra, dict) else None
    return f"“{words}”" if isinstance(words, str) else ""


def _marks(info: FieldInfo) -> list[Any]:
    marks = list(info.metadata)
    for annotation in (info.annotation, *get_args(info.annotation)):
        marks += get_args(annotation)[1:] if get_origin(annotation) is Annotated else []
    return [inner for mark in marks for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]


def _sized(marks: Any) -> str:
    functions = [getattr(mark, "func", None) for mark in marks]
    return next((word for function, word in _SIZES.items() if function in functions), "")
