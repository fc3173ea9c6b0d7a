"""Reading an order back from the primary or from a replica."""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from orders.models import Order


def alias_of(request: HttpRequest) -> str:
    """The alias to read from: the primary, unless the request says `?from=replica` (which may be late)."""
    return "replica" if request.GET.get("from") == "replica" else "default"


def order_or_404(alias: str, pk: str) -> Order:
    return get_object_or_404(Order.objects.using(alias), pk=pk)


def as_json(order: Order, alias: str) -> dict[str, Any]:
    """The order and where it was read; in_recovery is true on a replica, null without PostgreSQL."""
    return {
        "id": str(order.pk),
        "status": order.status,
        "database": alias,
        "in_recovery": _in_recovery(alias),
    }


def _in_recovery(alias: str) -> bool | None:
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("select pg_is_in_recovery()")
        return bool(cursor.fetchone()[0])
