"""Orders for scripts: JSON in, JSON out, no session."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from orders import placing, reading


@csrf_exempt
@require_POST
@cache_control(private=True, no_store=True)
def orders(request: HttpRequest) -> JsonResponse:
    """Place an order of one product: `{"product": slug, "quantity": n}`. Answers 201 with its id."""
    try:
        product, quantity = _parse(request.body)
        order = placing.place({product: quantity})
    except placing.UnknownProductError as error:
        return JsonResponse({"error": f"unknown product: {error}"}, status=400)
    except ValueError as error:
        return JsonResponse({"error": str(error)}, status=400)
    answer = {"id": str(order.pk), "status": order.status}
    return JsonResponse(answer, status=201, headers={"Location": reverse("api-order", args=[order.pk])})


@require_safe
@cache_control(private=True, no_store=True)
def order(request: HttpRequest, pk: str) -> JsonResponse:
    """One order and where it was read; `?from=replica` reads it from a replica."""
    alias = reading.alias_of(request)
    return JsonResponse(reading.as_json(reading.order_or_404(alias, pk), alias))


def _parse(body: bytes) -> tuple[str, int]:
    document: Any = json.loads(body)
    match document:
        case {"product": str(product), "quantity": int(quantity)} if 1 <= quantity <= placing.MAX_QUANTITY:
            return product, quantity
    raise ValueError(f'expected {{"product": slug, "quantity": 1 to {placing.MAX_QUANTITY}}}')
