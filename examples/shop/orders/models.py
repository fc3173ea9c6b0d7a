"""What was bought: grows with the customers, so it stands in an app of its own that can move to shards."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from catalogue.models import Product


class Order(models.Model):
    """One order. Its key is made by the application, so it is unique over all shards without asking any."""

    class Status(models.TextChoices):
        PLACED = "placed"
        CONFIRMED = "confirmed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PLACED)
    placed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # Only the few that still wait, for `requeue_orders`.
            models.Index("placed_at", name="order_waiting", condition=models.Q(status="placed")),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.status})"


class OrderLine(models.Model):
    """One product of an order, at the price of that moment (per unit)."""

    pk = models.CompositePrimaryKey("order_id", "product_id")
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    # Orders may be on shards, where there is no catalogue.
    product = models.ForeignKey(Product, models.PROTECT, related_name="+", db_constraint=False)
    quantity = models.PositiveSmallIntegerField()
    unit_price = models.DecimalField(max_digits=8, decimal_places=2)

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product_id}"
