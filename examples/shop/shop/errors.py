"""The answer when something failed."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

# A server that this one needs is away, as for the seconds of a failover.
AWAY = (OperationalError, InterfaceError, RedisConnectionError, RedisTimeoutError)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 and when to come back if a database or Redis is away; 500 for what is wrong here."""
    away = isinstance(sys.exc_info()[1], AWAY)
    response = render(request, "500.html", {"away": away}, status=503 if away else 500)
    response["Cache-Control"] = "no-store"
    if away:
        response["Retry-After"] = "2"
    return response
