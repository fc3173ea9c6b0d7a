"""What pydantic found wrong, said in plain English with the place in the file and what to do about it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import takewhile
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from massive_deploy.errors import Problem

from .document import Document
from .fields import close, did_you_mean, model_at
from .forms import WORDS
from .instead import form_of, instead_of, stranger
from .model import Topology
from .nodes import Location, printable
from .plain_secrets import names_a_secret

HIDDEN = "(not shown)"
_PLAIN = re.compile(r"^[A-Za-z0-9_-]+$")
_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping (`key: value` lines)",
    "model_type": "a mapping (`key: value` lines)",
    "model_attributes_type": "a mapping (`key: value` lines)",
}
_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def problems(error: ValidationError, document: Document, root: type[BaseModel], below: Location = ()) -> list[Problem]:
    """One problem for each thing pydantic found, in the order of the file; `below` is where the validated part is."""
    found: dict[tuple[int, int, str], Problem] = {}
    for details in error.errors(include_url=False):
        problem = _problem(details, document, root, below)
        place = (problem.line, problem.column, problem.where)
        if place in found and details["type"] != "missing":  # members of a union, each with its own complaint
            problem = replace(problem, what=f"{found[place].what}; or {problem.what}")
        found[place] = problem
    return [found[place] for place in sorted(found)]


def shown(value: object) -> str:
    """A value as it may stand in a message: short, on one line, quoted like JSON."""
    return printable(json.dumps(value, ensure_ascii=False, default=str))


def _problem(details: ErrorDetails, document: Document, root: type[BaseModel], below: Location) -> Problem:
    own: Location = tuple(details["loc"])
    location = (*below, *own)
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        model = model_at(root, own[:-1])
        name = str(location[-1])
        return document.problem(location, f"unknown key '{printable(name)}'", _unknown(name, model), key=True)
    if kind == "missing":
        return _missing(own, document, root, below)
    if location and location[-1] == "[key]":
        what, fix = _said(kind, location[-2], context, details["msg"])
        fix = stranger(str(location[-2])) or fix or _explained(location[:-2], root)
        return document.problem(location[:-1], f"this key {what}", fix, key=True)
    location = _known(location, document)
    if value is None:
        return document.problem(location, "has no value", "give it one, or remove the key", key=True)
    key = next((str(part) for part in reversed(location) if isinstance(part, str)), "")
    what, fix = _said(kind, HIDDEN if names_a_secret(key) else value, context, details["msg"])
    if isinstance(value, str) and kind == "string_pattern_mismatch":
        fix = stranger(value) or fix
    return document.problem(location, what, fix or form_of(key) or _explained(location, root))


def _unknown(key: str, model: type[BaseModel] | None) -> str:
    known = model.model_fields if model is not None else ()
    near = f"did you mean '{close(key, known)}'?" if close(key, known) else ""
    if odd := stranger(key):
        return f"{odd}; {near}" if near else odd
    return near or instead_of(key) or did_you_mean(key, known) or "remove it: nothing is set here"


def _known(location: Location, document: Document) -> Location:
    """Without the marks pydantic adds for members of a union."""
    while location and location not in document.values and location[:-1] in document.values:
        location = location[:-1]
    return location


def _missing(own: Location, document: Document, root: type[BaseModel], below: Location) -> Problem:
    name = str(own[-1])
    model = model_at(root, own[:-1])
    info = model.model_fields.get(name) if model is not None else None
    meaning = f" - {info.description}" if info is not None and info.description else ""
    return document.problem((*below, *own), f"missing key '{name}'", f"add `{name}:`{meaning}", key=True)


def _explained(location: Location, root: type[BaseModel]) -> str:
    """The command that says what may stand there, for a place in a topology."""
    plain = list(takewhile(lambda part: isinstance(part, str) and _PLAIN.match(part), location))
    return f"see: massive-deploy explain {'.'.join(map(str, plain))}" if plain and issubclass(root, Topology) else ""


def _said(kind: str, value: object, context: dict[str, Any], message: str) -> tuple[str, str]:
    if kind in _KINDS:
        fix = ""
        if kind == "string_type" and isinstance(value, (int, float)):
            fix = "put it in quotes"
        elif isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}|true|false", value):
            fix = "remove the quotes"
        return f"must be {_KINDS[kind]}, not {shown(value)}", fix
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"must be {words} {context[name]}, not {shown(value)}", ""
    if kind == "value_error":
        return f"is not possible: {shown(value)}", str(context["error"])
    return _said_of_text(kind, value, context) or (f"is refused: {message[:1].lower()}{message[1:]}", "")


def _said_of_text(kind: str, value: object, context: dict[str, Any]) -> tuple[str, str] | None:
    if kind == "literal_error":
        allowed = str(context["expected"])
        found = close(str(value), re.findall(r"'([^']*)'", allowed))
        return f"must be {allowed}, not {shown(value)}", f"did you mean '{found}'?" if found else ""
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        form = f"be {WORDS[pattern]}" if pattern in WORDS else f"match {pattern}"
        return f"must {form}, not {shown(value)}", ""
    if kind == "string_too_long":
        return f"must have at most {context['max_length']} characters, not {len(str(value))}", ""
    if kind == "string_too_short":
        return f"must have at least {context['min_length']} characters, not {len(str(value))}", ""
    return None
