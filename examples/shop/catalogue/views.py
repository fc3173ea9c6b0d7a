"""Pages that are the same for everyone: cached in front of Django, so they touch no cookie."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from catalogue.models import Product

# Seconds, in the shared cache in front only: browsers ask again each time and get its answer.
FRONT_CACHE = {"public": True, "max_age": 0, "s_maxage": 60}


@require_safe
@cache_control(**FRONT_CACHE)
def index(request: HttpRequest) -> HttpResponse:
    """The catalogue. The query is lazy: it runs only when the cached fragment in the template has expired."""
    return render(request, "index.html", {"products": Product.objects.only("slug", "name", "price")})


@require_safe
@cache_control(**FRONT_CACHE)
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """One product with its sales, joined in the database."""
    found = get_object_or_404(Product.objects.select_related("sales"), pk=slug)
    return render(request, "product.html", {"product": found})
