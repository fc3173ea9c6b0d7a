"""The request's id, made at the edge: in the logs and in the comments of SQL statements."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")

_id: ContextVar[str] = ContextVar("django_massive_request_id", default="")
_view: ContextVar[str] = ContextVar("django_massive_view", default="")


def current() -> str:
    """The id of the request that is answered now; empty outside of one."""
    return _id.get()


def current_view() -> str:
    """The name of the view that answers it, or the function's; empty before it is known."""
    return _view.get()


class RequestIdMiddleware:
    """Keep the id for the time of the request, as `request.request_id` too. Put it first.

    The header is believed: the edge overwrites what a client sends. A request without one gets a new id.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        found = given if SAFE.fullmatch(given) else uuid.uuid4().hex
        request.request_id = found  # type: ignore[attr-defined]
        tokens = _id.set(found), _view.set("")
        try:
            return self.get_response(request)
        finally:
            _id.reset(tokens[0])
            _view.reset(tokens[1])

    def process_view(self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any) -> None:  # noqa: ARG002
        """Django's hook: the view is known."""
        match = request.resolver_match
        _view.set((match.view_name if match else "") or getattr(view, "__qualname__", ""))


class RequestIdFilter(logging.Filter):
    """Gives log records `request_id`, "-" outside of a request: "()": "django_massive.request_id.RequestIdFilter"."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        # Django logs an answer of 400 and above after the last middleware, and gives the record the request.
        request = getattr(record, "request", None)
        record.request_id = current() or getattr(request, "request_id", "-")
        return True
