"""Reading an order back from the primary or from a replica."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connections, router
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django_massive.replicas import replica_of
from django_massive.sharding import database_for, shard_for

from orders.models import Order


def alias_of(request: HttpRequest, pk: UUID) -> str:
    """The alias to read an order from: the router's, or a replica's for `?from=replica` (which may be late)."""
    if request.GET.get("from") == "replica":
        return replica_of(database_for(pk))
    with shard_for(pk):
        return str(router.db_for_read(Order))


def order_or_404(alias: str, pk: UUID) -> Order:
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
