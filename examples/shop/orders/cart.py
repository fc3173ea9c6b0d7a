"""The cart: {slug: quantity} in the session, which is in Redis."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django_massive.headers import private

from catalogue.models import Product
from orders.placing import MAX_QUANTITY
from shop.origin import same_origin

KEY = "cart"


@require_safe
@cache_control(private=True, no_store=True)
def show(request: HttpRequest) -> HttpResponse:
    quantities = request.session.get(KEY, {})
    products = Product.objects.filter(pk__in=quantities) if quantities else Product.objects.none()
    # A generator: it runs when the template asks for the lines.
    lines = ((item, quantities[item.pk], item.price * quantities[item.pk]) for item in products)
    return render(request, "cart.html", {"lines": lines})


@require_safe
@private()
def line(request: HttpRequest) -> HttpResponse:
    """A line of text for cached pages, put in as a fragment of its own."""
    # A visitor without a session has no cart, and is not asked for one.
    known = settings.SESSION_COOKIE_NAME in request.COOKIES
    count = sum(request.session.get(KEY, {}).values()) if known else 0
    return HttpResponse(f"Things in your cart: {count}." if count else "Your cart is empty.")


@require_POST
@same_origin
@cache_control(private=True, no_store=True)
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """Put one more of a product into the cart. The form is on a cached page, so it carries no CSRF token."""
    product = get_object_or_404(Product.objects.only("slug"), pk=slug)
    cart = request.session.setdefault(KEY, {})
    cart[product.pk] = min(cart.get(product.pk, 0) + 1, MAX_QUANTITY)
    request.session.modified = True
    return redirect("cart")
