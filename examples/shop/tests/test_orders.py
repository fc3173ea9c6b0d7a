"""Placing orders and reading them back, with real commits (replicas and on_commit need them)."""

from __future__ import annotations

import uuid
from datetime import timedelta
from io import StringIO
from unittest.mock import patch

from django.core.management import call_command
from django.test import Client, TransactionTestCase
from django.utils import timezone

from catalogue.models import Sales
from orders.models import Order, OrderLine
from orders.tasks import confirm


class OrdersTest(TransactionTestCase):
    databases = {"default", "replica"}
    serialized_rollback = True

    def order(self, product: object = "enamel-mug", quantity: object = 2) -> object:
        return self.client.post(
            "/api/orders/", {"product": product, "quantity": quantity}, content_type="application/json"
        )

    def test_from_cart_to_confirmed_order(self) -> None:
        self.client.post("/cart/add/enamel-mug/")
        self.client.post("/cart/add/wooden-spoon/")
        response = self.client.post("/orders/", follow=True)
        self.assertContains(response, "confirmed")
        self.assertContains(response, "Wooden spoon")
        self.assertEqual(OrderLine.objects.count(), 2)
        self.assertEqual(Sales.objects.using("default").get(pk="enamel-mug").units, 1)
        self.assertContains(self.client.get("/cart/"), "nothing in it")

    def test_an_empty_cart_places_nothing(self) -> None:
        self.assertRedirects(self.client.post("/orders/"), "/cart/")
        self.assertFalse(Order.objects.exists())

    def test_placing_needs_the_csrf_token(self) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.post("/cart/add/enamel-mug/")
        self.assertEqual(strict.post("/orders/").status_code, 403)
        strict.get("/cart/")
        token = {"csrfmiddlewaretoken": strict.cookies["csrftoken"].value}
        self.assertEqual(strict.post("/orders/", token).status_code, 302)

    def test_the_api_places_and_reads_from_both(self) -> None:
        created = self.order()
        self.assertEqual(created.status_code, 201)
        pk = created.json()["id"]
        for query, alias in [("", "default"), ("?from=replica", "replica")]:
            expected = {"id": pk, "status": "confirmed", "database": alias, "in_recovery": None}
            self.assertEqual(self.client.get(created["Location"] + query).json(), expected)
            headers = {"Accept": "application/json"}
            self.assertEqual(self.client.get(f"/orders/{pk}/{query}", headers=headers).json(), expected)

    def test_asking_again_with_the_same_id_orders_once(self) -> None:
        key = "00000000-0000-4000-8000-000000000001"
        body = {"product": "enamel-mug", "quantity": 2, "id": key}
        for _ in range(2):
            answer = self.client.post("/api/orders/", body, content_type="application/json")
            self.assertEqual((answer.status_code, answer.json()["id"]), (201, key))
        self.assertEqual(OrderLine.objects.count(), 1)
        body["id"] = "7"
        self.assertEqual(self.client.post("/api/orders/", body, content_type="application/json").status_code, 400)

    def test_the_api_refuses_nonsense(self) -> None:
        mug = "enamel-mug"
        for product, quantity in [("nothing", 1), (mug, 0), (mug, 100), (mug, "1"), (1, 1)]:
            self.assertEqual(self.order(product, quantity).status_code, 400)
        broken = self.client.post("/api/orders/", "{", content_type="application/json")
        self.assertEqual(broken.status_code, 400)
        self.assertEqual(self.client.get(f"/api/orders/{uuid.uuid4()}/").status_code, 404)
        self.assertFalse(Order.objects.exists())

    def test_confirming_twice_counts_once(self) -> None:
        pk = self.order().json()["id"]
        confirm(pk)
        self.assertEqual(Sales.objects.using("default").get(pk="enamel-mug").units, 2)

    def test_an_order_outlives_a_dead_queue(self) -> None:
        dead = patch.object(confirm, "delay", side_effect=ConnectionError("no broker"))
        with dead, self.assertLogs("django.db"):
            created = self.order()
        self.assertEqual((created.status_code, created.json()["status"]), (201, "placed"))
        Order.objects.update(placed_at=timezone.now() - timedelta(minutes=5))
        call_command("requeue_orders", stdout=StringIO())
        self.assertEqual(Order.objects.get().status, "confirmed")
