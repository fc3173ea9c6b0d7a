"""When a product changes, its pages change everywhere at once."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.core.cache.utils import make_template_fragment_key
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django_massive.signals import register

from catalogue.models import Product
from shop.routers import JUST_CHANGED

FRAGMENT = make_template_fragment_key("catalogue")
# Longer than replicas lag on a good day. A page rendered from a late one would be cached with the old price.
SECONDS = 10


def watch() -> None:
    """First forget what was rendered, then purge the pages made of it."""
    for signal in (post_save, post_delete):
        signal.connect(_changed, sender=Product, dispatch_uid=f"catalogue {id(signal)}")
    register(Product, tags=tags)


def tags(product: Product) -> list[str]:
    """What pages with this product are tagged with: its own page, and lists."""
    return [f"product-{product.pk}", "list"]


def _changed(using: str, **kwargs: Any) -> None:  # noqa: ARG001
    cache.set(JUST_CHANGED, 1, SECONDS)
    transaction.on_commit(lambda: cache.delete(FRAGMENT), using=using, robust=True)
