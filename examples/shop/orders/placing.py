"""Placing an order: the one write of the shop that needs a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid4

from django.core.mail import send_mail
from django.db import transaction
from django_massive.sharding import database_for, shard_for

from catalogue.models import Product
from orders import tasks
from orders.models import Order, OrderLine

MAX_QUANTITY = 99


class UnknownProductError(ValueError):
    """The order names products that are not in the catalogue."""


def place(quantities: Mapping[str, int], email: str = "", pk: UUID | None = None) -> Order:
    """Write an order of {slug: quantity}, queue its confirmation, and a mail if there is an address.

    Who brings the order's key may ask again without ordering twice: the order is given as it stands.

    Raises UnknownProductError when a slug is not sold. All reading is done before the transaction starts, and
    the task is queued after it ends; when the queue is down the order stands and waits for `requeue_orders`.
    """
    order = Order(pk=pk or uuid4())
    home = database_for(order.pk)
    if pk and (found := Order.objects.using(home).filter(pk=pk).first()):
        return found
    with shard_for(order.pk):  # where the catalogue is common data, its copy beside the order's shard answers
        prices = dict(Product.objects.filter(pk__in=quantities).values_list("slug", "price"))
    if unknown := sorted(quantities.keys() - prices.keys()):
        raise UnknownProductError(", ".join(unknown))
    with shard_for(order.pk), transaction.atomic(using=home):
        lines = [
            OrderLine(order=order, product_id=slug, quantity=quantity, unit_price=prices[slug])
            for slug, quantity in quantities.items()
        ]
        order.save(force_insert=True)
        OrderLine.objects.bulk_create(lines)
        transaction.on_commit(lambda: tasks.confirm.delay(str(order.pk)), using=home, robust=True)
        if email:
            transaction.on_commit(lambda: _mail(order, email), using=home, robust=True)
    return order


def _mail(order: Order, email: str) -> None:
    """The backend queues it: the request does not wait for a mail server."""
    send_mail("Your order", f"Thank you. Your order has the number {order.pk}.\n", None, [email])
