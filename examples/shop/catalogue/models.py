"""What the shop sells: slow data, read by everyone, the same on every shard."""

from __future__ import annotations

from django.db import models


class Product(models.Model):
    """The slow part of a product: written by people, a few times a year. The slug is its natural key."""

    slug = models.SlugField(primary_key=True, max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField()
    price = models.DecimalField(max_digits=8, decimal_places=2)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Sales(models.Model):
    """The fast part: written with every order, so that order lines never wait for a lock on the product."""

    product = models.OneToOneField(Product, models.CASCADE, primary_key=True, related_name="sales")
    units = models.PositiveBigIntegerField(default=0)
    last_sold_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "sales"

    def __str__(self) -> str:
        return f"{self.product_id}: {self.units}"
