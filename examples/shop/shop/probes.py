"""Answers for load balancers and deployments under `/-/`."""

from __future__ import annotations

import os
from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse


def health(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """This process answers; nothing else is asked."""
    return _text("ok")


def ready(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """This process reaches its database: 200, or 503 when it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError:
        return _text("no database", status=503)
    return _text("ready")


def version(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The release that is running, as the deployment named it."""
    return _text(os.environ.get("RELEASE", "unreleased"))


def _text(line: str, status: int = 200) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(f"{line}\n", content_type="text/plain", status=status, headers=headers)


PROBES = {"/-/health": health, "/-/ready": ready, "/-/version": version}


class ProbesMiddleware:
    """Answer probes before the Host header is checked: a balancer asks by address, not by name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return PROBES.get(request.path, self.get_response)(request)
