"""`manage.py requeue_orders`: queue again what the queue has lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django_massive.sharding import aliases

from orders.models import Order
from orders.tasks import confirm


class Command(BaseCommand):
    help = "Queue the confirmation of orders that have waited too long, as after a failure of the task queue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--older-than", type=int, default=60, metavar="SECONDS")
        parser.add_argument("--limit", type=int, default=1000, help="at most so many in one run")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        before = timezone.now() - timedelta(seconds=options["older_than"])
        keys: list[UUID] = []
        for alias in aliases() or ["default"]:
            orders = Order.objects.using(alias).filter(status=Order.Status.PLACED, placed_at__lt=before)
            left = options["limit"] - len(keys)
            keys += orders.order_by("placed_at").values_list("pk", flat=True)[:left]
        for key in keys:
            confirm.delay(str(key))
        self.stdout.write(f"{len(keys)} orders queued")
