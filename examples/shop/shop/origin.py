"""Protection from forged posts for forms on pages that are the same for everyone."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.decorators.csrf import csrf_exempt

View = Callable[..., HttpResponse]


def same_origin(view: View) -> View:
    """Refuse posts that a browser says come from another site; ask for no token.

    A token needs a cookie on the page that carries the form, and such a page cannot be cached. Browsers state
    the origin of every post themselves, and a page cannot forge it.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in {"GET", "HEAD", "OPTIONS"} and _is_foreign(request):
            return HttpResponseForbidden("This form was sent from another site.\n", content_type="text/plain")
        return view(request, *args, **kwargs)

    return csrf_exempt(guarded)


def _is_foreign(request: HttpRequest) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    own = f"{request.scheme}://{request.get_host()}"
    return origin is not None and origin != own and origin not in settings.CSRF_TRUSTED_ORIGINS
