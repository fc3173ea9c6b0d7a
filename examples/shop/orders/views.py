"""Placing an order from the cart, and looking at it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from orders import cart, placing, reading


@require_POST
@cache_control(private=True, no_store=True)
def place(request: HttpRequest) -> HttpResponse:
    """Turn the session's cart into an order."""
    quantities = request.session.get(cart.KEY)
    if not quantities:
        return redirect("cart")
    try:
        order = placing.place(quantities)
    except placing.UnknownProductError:
        # A product was withdrawn: start again rather than sell half a cart.
        del request.session[cart.KEY]
        return redirect("cart")
    del request.session[cart.KEY]
    return redirect("order", pk=order.pk)


@require_safe
@cache_control(private=True, no_store=True)
def show(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One order as a page, or as JSON when asked for; `?from=replica` reads it from a replica."""
    alias = reading.alias_of(request, pk)
    order = reading.order_or_404(alias, pk)
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
        return JsonResponse(reading.as_json(order, alias))
    # In a query of its own: the catalogue may be in another database.
    lines = order.lines.prefetch_related("product")
    return render(request, "order.html", {"order": order, "lines": lines, "alias": alias})
