"""Failing on demand, for tests of what stands in front of the site."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

KEY = "faults"
SECONDS = 3600


class FaultsMiddleware:
    """After `POST /fail/on` every address answers 503, probes too (`?probes=ok`: not those), until `POST /fail/off`.

    With SHOP_FAULTS=1 or DEBUG only. The switch is in the cache, so it holds for all servers, for an hour at most.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.FAULTS:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and request.path.rstrip("/") in {"/fail/on", "/fail/off"}:
            return _switch(request)
        failing = cache.get(KEY)
        if failing and not (failing == "pages" and request.path.startswith("/-/")):
            return _text("failing on demand", 503)
        return self.get_response(request)


def _switch(request: HttpRequest) -> HttpResponse:
    if request.path.rstrip("/") == "/fail/off":
        cache.delete(KEY)
        return _text("off")
    cache.set(KEY, "pages" if request.GET.get("probes") == "ok" else "all", SECONDS)
    return _text("on" if cache.get(KEY) else "the cache did not keep it", 200 if cache.get(KEY) else 500)


def _text(line: str, status: int = 200) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(f"{line}\n", content_type="text/plain", status=status, headers=headers)
