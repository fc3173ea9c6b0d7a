"""Pages that are the same for everyone: cached in front of Django, so they touch no cookie."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from django_massive.headers import cached
from django_massive.stale import remember

from catalogue.models import Product, Sales

# Seconds, in the shared caches in front only: browsers ask again each time and get their answer.
FRONT = 60


@require_safe
@cached(FRONT, tags=["list"])
def index(request: HttpRequest) -> HttpResponse:
    """The catalogue. The query is lazy: it runs only when the cached fragment in the template has expired."""
    return render(request, "index.html", {"products": Product.objects.only("slug", "name", "price")})


@require_safe
@cached(FRONT, tags=lambda request, slug: [f"product-{slug}"])  # noqa: ARG005
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """One product with its sales, joined in the database."""
    found = get_object_or_404(Product.objects.select_related("sales"), pk=slug)
    return render(request, "product.html", {"product": found})


@require_safe
@cached(FRONT, tags=["list"])
def today(request: HttpRequest) -> HttpResponse:
    """What sells best, and the visitor's cart: a fragment of its own that the cache puts in (ESI)."""
    return render(request, "today.html", {"bestsellers": bestsellers})


@require_safe
@cached(FRONT)
def about(request: HttpRequest) -> HttpResponse:
    """A page that changes with releases only: `manage.py prerender` makes a file of it."""
    return render(request, "about.html")


def bestsellers() -> list[dict[str, Any]]:
    """Slug, name and units of three. One visitor waits for the sum, at most: all others get the one before."""
    return remember("bestsellers", _bestsellers, ttl=60, stale=3600)


def _bestsellers() -> list[dict[str, Any]]:
    best = Sales.objects.order_by("-units", "product_id").values("product_id", "product__name", "units")[:3]
    return [{"slug": row["product_id"], "name": row["product__name"], "units": row["units"]} for row in best]
