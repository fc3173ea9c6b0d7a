"""Placing an order: the one write of the shop that needs a transaction."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from catalogue.models import Product
from orders import tasks
from orders.models import Order, OrderLine

MAX_QUANTITY = 99


class UnknownProductError(ValueError):
    """The order names products that are not in the catalogue."""


def place(quantities: Mapping[str, int]) -> Order:
    """Write an order of {slug: quantity} and queue its confirmation.

    Raises UnknownProductError when a slug is not sold. All reading is done before the transaction starts, and
    the task is queued after it ends; when the queue is down the order stands and waits for `requeue_orders`.
    """
    prices = dict(Product.objects.filter(pk__in=quantities).values_list("slug", "price"))
    if unknown := sorted(quantities.keys() - prices.keys()):
        raise UnknownProductError(", ".join(unknown))
    order = Order()
    lines = [
        OrderLine(order=order, product_id=slug, quantity=quantity, unit_price=prices[slug])
        for slug, quantity in quantities.items()
    ]
    with transaction.atomic():
        order.save(force_insert=True)
        OrderLine.objects.bulk_create(lines)
        transaction.on_commit(lambda: tasks.confirm.delay(str(order.pk)), robust=True)
    return order
