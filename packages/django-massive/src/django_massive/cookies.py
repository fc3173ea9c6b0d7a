"""A warning, while developing, of pages that should be cached and cannot be."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

log = logging.getLogger(__name__)


class CookiesOnCachedPagesMiddleware:
    """With DEBUG, warn of a page that says it is for every cache and sets or reads a cookie. Put it first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.DEBUG:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for what in defeats(response):
            log.warning("%s is not cached: it %s", request.path, what)
        return response


def defeats(response: HttpResponse) -> list[str]:
    """What keeps caches from keeping a page that asks them to; empty when nothing does, or it does not ask."""
    asked = response.headers.get("Cache-Control", "")
    if "s-maxage" not in asked and "public" not in asked:
        return []
    found = [f"sets the cookie {name}" for name in sorted(response.cookies)]
    varied = {word.strip().lower() for word in response.headers.get("Vary", "").split(",")}
    if "cookie" in varied:
        found.append("reads cookies (Vary: Cookie): the session, the user, a CSRF token or messages")
    return found
