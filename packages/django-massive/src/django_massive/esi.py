"""Fragments of a cached page with a life of their own: put in by the cache (ESI), or here where there is none."""

from __future__ import annotations

import copy
import logging
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, QueryDict
from django.urls import resolve
from django.utils.html import escape

from django_massive import tags
from django_massive.conf import setting

log = logging.getLogger(__name__)


def include(request: HttpRequest, url: str) -> str:
    """HTML for the place of a fragment: an instruction to the cache, or the fragment itself.

    Args:
        request: the page's. Its Surrogate-Capability header says whether a cache reads ESI; MASSIVE_ESI wins.
        url: path of the fragment, with its query.

    Raises:
        ImproperlyConfigured: the page's view has none of this package's decorators, so its headers would be wrong.
    """
    page = tags.current()
    if page is None:
        raise ImproperlyConfigured("{% esi %} needs a view under @cached, @private or @never_cached of django_massive")
    capable = "ESI/1.0" in request.headers.get("Surrogate-Capability", "")
    if setting("ESI", capable):
        page.esi = True
        return f'<esi:include src="{escape(url)}" />'
    return _inline(request, url, page)


def _inline(request: HttpRequest, url: str, page: tags.Page) -> str:
    path, _, query = url.partition("?")
    part = copy.copy(request)
    part.method, part.path, part.path_info = "GET", path, path
    part.GET = QueryDict(query)
    part.META = {**request.META, "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query}
    found = resolve(path)
    part.resolver_match = found
    try:
        response: Any = found.func(part, *found.args, **found.kwargs)
        if not getattr(response, "is_rendered", True):
            response = response.render()
    except Exception:
        log.exception("the fragment %s failed", url)
        return ""
    control = response.headers.get("Cache-Control", "")
    # Whatever does not say that it is for everybody is for one visitor, and so the page around it is.
    if "s-maxage" not in control and "public" not in control:
        page.personal = True
    if response.status_code != 200:
        log.warning("the fragment %s answered %d", url, response.status_code)
        return ""
    return str(response.content.decode(response.charset))
