"""Orders for scripts: JSON in, JSON out, no session."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
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
    """Place an order of one product: `{"product": slug, "quantity": n}`, with `"email"` for a mail. Answers 201.

    With `"id"`, a UUID, asking again gives the same order.
    """
    try:
        product, quantity, email, pk = _parse(request.body)
        order = placing.place({product: quantity}, email, pk)
    except placing.UnknownProductError as error:
        return JsonResponse({"error": f"unknown product: {error}"}, status=400)
    except ValueError as error:
        return JsonResponse({"error": str(error)}, status=400)
    answer = {"id": str(order.pk), "status": order.status}
    return JsonResponse(answer, status=201, headers={"Location": reverse("api-order", args=[order.pk])})


@require_safe
@cache_control(private=True, no_store=True)
def order(request: HttpRequest, pk: UUID) -> JsonResponse:
    """One order and where it was read; `?from=replica` reads it from a replica."""
    alias = reading.alias_of(request, pk)
    return JsonResponse(reading.as_json(reading.order_or_404(alias, pk), alias))


def _parse(body: bytes) -> tuple[str, int, str, UUID | None]:
    document: Any = json.loads(body)
    pk = UUID(str(document["id"])) if isinstance(document, dict) and "id" in document else None
    email = document.get("email", "") if isinstance(document, dict) else ""
    if email:
        try:
            validate_email(email)
        except ValidationError as error:
            raise ValueError("that is no mail address") from error
    match document:
        case {"product": str(product), "quantity": int(quantity)} if 1 <= quantity <= placing.MAX_QUANTITY:
            return product, quantity, email, pk
    raise ValueError(f'expected {{"product": slug, "quantity": 1 to {placing.MAX_QUANTITY}}}')
