"""Descriptions of fields: the text below each one in the source, read when somebody asks.

pydantic can do this itself, but reads every class's source at import: a third of a short command's time.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise

from pydantic import BaseModel

_done: set[type[BaseModel]] = set()


def describe(model: type[BaseModel]) -> None:
    """Give the model's fields the descriptions its source and its bases' sources have; once is enough."""
    if model in _done:
        return
    _done.add(model)
    for owner in model.__mro__:
        if owner is BaseModel:
            break
        for name, text in _texts(owner):
            info = model.model_fields.get(name)
            if info is not None and not info.description:
                info.description = text


def _texts(owner: type) -> Iterator[tuple[str, str]]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    except (OSError, TypeError):  # made at run time: nothing is written below its fields
        return
    body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
            if isinstance(text, str):
                yield field.target.id, inspect.cleandoc(text)
