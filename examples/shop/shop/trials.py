"""Addresses for load tests of what stands in front of the site. A real site would not have them."""

from __future__ import annotations

import logging
import time
from decimal import Decimal

from django.core.cache import caches
from django.db import connection
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from django_massive import request_id
from django_massive.headers import cached, never_cached

from catalogue import changes
from catalogue.models import Product

log = logging.getLogger(__name__)

RENDERS = "slow:renders"
LONGEST_MS = 10_000


@require_safe
@cached(2, tags=["slow"])
def slow(request: HttpRequest) -> HttpResponse:
    """A page that takes `?ms=500` to render, kept for two seconds; every rendering is counted."""
    time.sleep(_milliseconds(request, 500) / 1000)
    count = _count(1)
    return HttpResponse(f"<!doctype html><title>Slow</title><p>Rendering {count}, at {time.time():.3f}.</p>\n")


@csrf_exempt
@never_cached
def slow_count(request: HttpRequest) -> JsonResponse:
    """How often `slow` was rendered, on all servers; a POST starts again at 0."""
    if request.method == "POST":
        caches["sessions"].set(RENDERS, 0, None)
    return JsonResponse({"renders": _count(0)})


@require_safe
@never_cached
def wait(request: HttpRequest) -> HttpResponse:
    """A page that waits for the database for `?ms=50`, in one query."""
    seconds = _milliseconds(request, 50) / 1000
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("select pg_sleep(%s)", [seconds])
    else:
        time.sleep(seconds)
    return HttpResponse("waited\n", content_type="text/plain")


@require_safe
@cached(60, tags=["page-1k"])
def page_1k(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """A page of 1024 bytes."""
    head = "<!doctype html><title>1 KB</title><p>"
    return HttpResponse(head + "x" * (1024 - len(head)))


@csrf_exempt
def whoami(request: HttpRequest) -> JsonResponse:
    """Who asks, by session, API key and Authorization; it says nothing about caching, as a forgetful view does.

    `POST ?name=alice` gives the visitor a session with that name.
    """
    if request.method == "POST":
        request.session["name"] = request.GET.get("name", "")
    known = request.method == "POST" or "sessionid" in request.COOKIES
    return JsonResponse(
        {
            "session": request.session.get("name") if known else None,
            "api_key": request.headers.get("X-Api-Key"),
            "authorization": request.headers.get("Authorization"),
        }
    )


@never_cached
def echo(request: HttpRequest) -> JsonResponse:
    """What the request looks like from here."""
    address = request.META.get("REMOTE_ADDR", "")
    log.info("echo to %s", address)
    return JsonResponse(
        {
            "forwarded_for": request.headers.get("X-Forwarded-For"),
            "host": request.get_host(),
            "remote_addr": address,
            "request_id": request_id.current(),
            "scheme": request.scheme,
        }
    )


@csrf_exempt
@require_POST
@never_cached
def touch_product(request: HttpRequest, which: str) -> JsonResponse:  # noqa: ARG001
    """Raise the price of a product, by slug or by number (1 is the first by slug), by a cent; its pages are purged."""
    products = Product.objects.using("default").order_by("slug")
    if which.isdecimal():
        product = products[int(which) - 1 : int(which)].first() if int(which) else None
    else:
        product = products.filter(pk=which).first()
    if product is None:
        raise Http404
    product.price = F("price") + Decimal("0.01")
    product.save(using="default", update_fields=["price"])
    product.refresh_from_db(using="default")
    return JsonResponse({"product": product.pk, "price": str(product.price), "tags": changes.tags(product)})


def _milliseconds(request: HttpRequest, default: int) -> int:
    given = request.GET.get("ms", "")
    return min(int(given), LONGEST_MS) if given.isdecimal() else default


def _count(more: int) -> int | None:
    """Renderings so far, after so many more; None while Redis is away."""
    store = caches["sessions"]
    store.add(RENDERS, 0, None)
    try:
        return store.incr(RENDERS, more)
    except ValueError:
        return None
