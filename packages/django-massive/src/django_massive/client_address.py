"""REMOTE_ADDR behind a proxy that reaches the application over a unix socket, which has no address."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from django_massive.conf import setting

HEADER = "HTTP_X_REAL_IP"


class ClientAddressMiddleware:
    """Set REMOTE_ADDR from MASSIVE_CLIENT_ADDRESS_HEADER (X-Real-IP) when the server gave none.

    The header is believed because only the proxy reaches the socket, and it always overwrites it. An address that the
    server did give stays: it is the one that spoke, and a header of its own must not change that.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.META.get("REMOTE_ADDR"):
            request.META["REMOTE_ADDR"] = _address(request.META.get(setting("CLIENT_ADDRESS_HEADER", HEADER), ""))
        return self.get_response(request)


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return "127.0.0.1"
