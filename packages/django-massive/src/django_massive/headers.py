"""Decorators that say how long a page may be kept, and by whom. A page that says nothing is not kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from django_massive import tags as tagging

log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]
Decorator = Callable[[View], View]
Tags = Iterable[object] | Callable[..., Iterable[object]]

KEPT_STATUS = {200, 301, 404, 410}
NEVER = "private, no-store"


def cached(
    s_maxage: int = 60, *, stale_while_revalidate: int | None = None, max_age: int = 0, tags: Tags = ()
) -> Decorator:
    """Let the caches in front keep the page for everybody.

    Args:
        s_maxage: seconds they keep it.
        stale_while_revalidate: seconds beyond those in which they may give it while they fetch a new one.
        max_age: seconds browsers keep it; purges do not reach those.
        tags: what the page shows, or a function of the view's arguments that tells.

    A page that sets a cookie, or into which something of one visitor's was written, is kept by nobody.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def kept(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            response, page = _rendered(view, request, *args, **kwargs)
            if request.method not in {"GET", "HEAD"} or response.status_code not in KEPT_STATUS:
                return response
            if response.cookies or page.personal:
                # A fragment put in here is how it has to be where no cache reads ESI; a cookie is a mistake.
                level = logging.DEBUG if page.personal else logging.WARNING
                log.log(level, "%s is not cached: it holds what is one visitor's", request.path)
                response.headers["Cache-Control"] = NEVER
                return response
            if response.has_header("Cache-Control"):
                return response
            words = [f"max-age={max_age}", f"s-maxage={s_maxage}"]
            if stale_while_revalidate is not None:
                words.append(f"stale-while-revalidate={stale_while_revalidate}")
            response.headers["Cache-Control"] = ", ".join(["public", *words])
            if page.esi:
                # What is said to the cache alone is all that it hears.
                _fragments(response, ", ".join([f"max-age={s_maxage}", *words[2:], ""]))
            tagging.tag(response, *page.tags, *(tags(request, *args, **kwargs) if callable(tags) else tags))
            return response

        return kept

    return decorate


def never_cached(view: View) -> View:
    """Let nobody keep the page, not even the browser."""
    return _with(NEVER, view)


def private(max_age: int = 0) -> Decorator:
    """Let only the visitor's browser keep the page, for `max_age` seconds."""
    return lambda view: _with(f"private, max-age={max_age}", view)


def _with(words: str, view: View) -> View:
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response, page = _rendered(view, request, *args, **kwargs)
        response.headers["Cache-Control"] = words
        patch_vary_headers(response, ["Cookie"])
        if page.esi:
            _fragments(response)
        return response

    return wrapped


def _fragments(response: HttpResponse, lifetime: str = "") -> None:
    """Tell the cache that it puts fragments into the page."""
    response.headers["Surrogate-Control"] = f'{lifetime}content="ESI/1.0"'
    # Nobody on the way may compress it: the cache has to read it.
    response.headers["Content-Encoding"] = "identity"


def _rendered(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> tuple[HttpResponse, tagging.Page]:
    """The response, its template rendered, and what was found out meanwhile."""
    with tagging.collect() as page:
        response = view(request, *args, **kwargs)
        if not getattr(response, "is_rendered", True):
            response = response.render()  # type: ignore[attr-defined]
    return response, page
