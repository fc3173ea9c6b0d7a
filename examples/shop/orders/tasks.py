"""What is done after the answer has been sent."""

from __future__ import annotations

import logging

from celery import shared_task
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django_massive.sharding import database_for

from catalogue.models import Sales
from orders.models import Order, OrderLine

log = logging.getLogger(__name__)


@shared_task
def confirm(order_id: str) -> None:
    """Mark a placed order confirmed and count its sales. Running twice changes nothing more."""
    home = database_for(order_id)
    # In one order everywhere, so that two tasks never wait for each other's rows.
    lines = OrderLine.objects.using(home).filter(order_id=order_id).order_by("product_id")
    with transaction.atomic(using=home), transaction.atomic():
        placed = Order.objects.using(home).filter(pk=order_id, status=Order.Status.PLACED)
        if not placed.update(status=Order.Status.CONFIRMED):
            return
        for product_id, quantity in lines.values_list("product_id", "quantity"):
            sales = Sales.objects.filter(product_id=product_id)
            sales.update(units=F("units") + quantity, last_sold_at=timezone.now())
    log.info("order %s confirmed", order_id)
