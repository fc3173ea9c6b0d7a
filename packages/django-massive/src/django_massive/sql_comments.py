"""A comment at the end of every SQL statement that says which request and view it belongs to.

At the end, because pgPool balances no statement that begins with one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.db.backends.signals import connection_created

from django_massive import request_id

# Nothing that ends a comment, and no % that a driver takes for a parameter.
UNSAFE = re.compile(r"[^A-Za-z0-9_.:-]")
LONGEST = 100


def comment() -> str:
    """The comment for what runs now; empty outside of a request."""
    words = {"request_id": request_id.current(), "view": request_id.current_view()}
    said = [f"{name}={UNSAFE.sub('_', value)[:LONGEST]}" for name, value in words.items() if value]
    return f" /* {' '.join(said)} */" if said else ""


def commented(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Django's execute wrapper."""
    return execute(f"{sql}{comment()}" if isinstance(sql, str) else sql, params, many, context)


def install() -> None:
    """Comment the statements of every connection made from now on."""
    connection_created.connect(_created, dispatch_uid="django_massive.sql_comments")


def _created(connection: Any, **kwargs: Any) -> None:  # noqa: ARG001 (a signal gives more)
    if commented not in connection.execute_wrappers:
        # First, not last: a `with connection.execute_wrapper(…)` around this takes the last one away.
        connection.execute_wrappers.insert(0, commented)
