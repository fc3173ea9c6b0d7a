"""What the site says to the caches in front of it, and the addresses for tests of those."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django_massive import purge

from catalogue.models import Product
from catalogue.views import bestsellers

VARNISH = {"Surrogate-Capability": 'varnish="ESI/1.0"'}
BOTH = {"default", "replica"}


class ChangesTest(TransactionTestCase):
    databases = BOTH
    serialized_rollback = True

    def setUp(self) -> None:
        cache.clear()

    def test_pages_say_what_they_show(self) -> None:
        self.assertEqual(self.client.get("/")["X-Tags"], "list")
        self.assertEqual(self.client.get("/p/enamel-mug/")["X-Tags"], "product-enamel-mug")

    def test_a_changed_product_is_new_everywhere(self) -> None:
        self.assertContains(self.client.get("/"), "12.50")
        with patch.object(purge, "purge") as purged:
            answer = self.client.post("/touch/product/enamel-mug/").json()
        self.assertEqual(answer["price"], "12.51")
        purged.assert_called_once_with("product-enamel-mug", "list", hard=False)
        # The fragment was forgotten, and the late replica is not asked.
        with self.assertNumQueries(1):
            self.assertContains(self.client.get("/"), "12.51")
        with self.assertNumQueries(1):
            self.assertContains(self.client.get("/p/enamel-mug/"), "12.51")

    def test_products_have_numbers_too(self) -> None:
        self.assertEqual(self.client.post("/touch/product/1/").json()["product"], "brass-compass")
        for unknown in ("0", "999", "nothing"):
            self.assertEqual(self.client.post(f"/touch/product/{unknown}/").status_code, 404)
        self.assertEqual(self.client.get("/touch/product/1/").status_code, 405)
        self.assertEqual(Product.objects.using("default").get(pk="brass-compass").price, Decimal("38.01"))

    def test_a_mail_follows_an_order(self) -> None:
        order = {"product": "enamel-mug", "quantity": 1}
        self.assertEqual(self.post({**order, "email": "nobody"}).status_code, 400)
        self.assertEqual(self.post({**order, "email": ["a@example.com"]}).status_code, 400)
        answer = self.post({**order, "email": "a@example.com"})
        self.assertEqual(answer.status_code, 201)
        ((sent),) = mail.outbox
        self.assertIn(answer.json()["id"], sent.body)

    def post(self, order: object) -> object:
        return self.client.post("/api/orders/", order, content_type="application/json")


class FragmentsTest(TestCase):
    databases = BOTH

    def setUp(self) -> None:
        cache.clear()

    def test_the_cart_in_a_cached_page_is_put_in_by_the_cache(self) -> None:
        page = self.client.get("/today/", headers=VARNISH)
        self.assertContains(page, '<esi:include src="/cart/line/" />')
        self.assertEqual(page["Surrogate-Control"], 'max-age=60, content="ESI/1.0"')

    def test_without_one_it_is_rendered_in_place_and_the_page_is_private(self) -> None:
        self.client.post("/cart/add/tin-whistle/")
        page = self.client.get("/today/")
        self.assertContains(page, "Things in your cart: 1.")
        self.assertIn("private", page["Cache-Control"])
        self.assertNotIn("X-Tags", page)

    def test_the_fragment_asks_no_session_of_a_visitor_without_one(self) -> None:
        fragment = self.client.get("/cart/line/")
        self.assertContains(fragment, "empty")
        self.assertIn("private", fragment["Cache-Control"])
        self.assertFalse(fragment.cookies)

    def test_bestsellers_are_remembered(self) -> None:
        self.assertEqual(len(bestsellers()), 3)
        with self.assertNumQueries(0, using="replica"):
            bestsellers()

    def test_a_page_becomes_a_file(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            call_command("prerender", root=folder, host=["testserver"], stdout=StringIO())
            self.assertIn("About us", Path(folder, "testserver/about/index.html").read_text(encoding="utf-8"))


class TrialsTest(TestCase):
    databases = BOTH

    def test_renderings_are_counted(self) -> None:
        self.assertEqual(self.client.post("/slow/count/").json(), {"renders": 0})
        page = self.client.get("/slow/?ms=0")
        self.assertEqual(page["Cache-Control"], "public, max-age=0, s-maxage=2")
        self.client.get("/slow/?ms=0")
        count = self.client.get("/slow/count/")
        self.assertEqual(count.json(), {"renders": 2})
        self.assertIn("no-store", count["Cache-Control"])

    def test_waiting(self) -> None:
        page = self.client.get("/wait/?ms=1")
        self.assertContains(page, "waited")
        self.assertIn("no-store", page["Cache-Control"])

    def test_a_kilobyte(self) -> None:
        page = self.client.get("/page/1k/")
        self.assertEqual((len(page.content), page["X-Tags"]), (1024, "page-1k"))
        self.assertEqual(page["Cache-Control"], "public, max-age=0, s-maxage=60")

    def test_who_asks_and_nothing_about_caching(self) -> None:
        page = self.client.get("/private/whoami/", headers={"X-Api-Key": "k", "Authorization": "Bearer t"})
        self.assertEqual(page.json(), {"session": None, "api_key": "k", "authorization": "Bearer t"})
        for header in ("Cache-Control", "Vary", "Expires", "X-Tags"):
            self.assertNotIn(header, page)
        self.client.post("/private/whoami/?name=alice")
        self.assertEqual(self.client.get("/private/whoami/").json()["session"], "alice")
        self.assertIsNone(Client().get("/private/whoami/").json()["session"])

    def test_echo(self) -> None:
        headers = {"X-Request-ID": "abc-1", "X-Forwarded-Proto": "https"}
        answer = self.client.get("/echo/", headers=headers, REMOTE_ADDR="203.0.113.9")
        found = answer.json()
        self.assertEqual(
            (found["remote_addr"], found["request_id"], found["scheme"]), ("203.0.113.9", "abc-1", "https")
        )
        self.assertIn("no-store", answer["Cache-Control"])

    def test_statements_say_which_request_they_belong_to(self) -> None:
        statements: list[str] = []

        def watch(execute: Any, sql: str, *rest: Any) -> Any:
            statements.append(sql)
            return execute(sql, *rest)

        with connection.execute_wrapper(watch):
            self.client.get("/api/orders/00000000-0000-0000-0000-000000000000/", headers={"X-Request-ID": "abc-1"})
        (statement,) = statements
        self.assertTrue(statement.endswith(" /* request_id=abc-1 view=api-order */"))


@override_settings(FAULTS=True)
class FaultsTest(TestCase):
    databases = BOTH

    def tearDown(self) -> None:
        cache.clear()

    def status(self, path: str) -> int:
        return self.client.get(path).status_code

    def test_everything_fails_until_it_is_switched_off(self) -> None:
        self.assertEqual(self.client.get("/fail/on").status_code, 404)
        self.client.post("/fail/on")
        self.assertEqual([self.status("/"), self.status("/-/health")], [503, 503])
        self.client.post("/fail/off/")
        self.assertEqual([self.status("/"), self.status("/-/health")], [200, 200])

    def test_probes_can_stay(self) -> None:
        self.client.post("/fail/on?probes=ok")
        self.assertEqual([self.status("/"), self.status("/-/health")], [503, 200])

    def test_only_where_it_is_allowed(self) -> None:
        with override_settings(FAULTS=False):
            self.assertEqual(Client().post("/fail/on").status_code, 404)


class DownloadsTest(TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        Path(folder.name, "a b.pdf").write_bytes(b"x")
        Path(folder.name, ".hidden").write_bytes(b"x")
        self.enterContext(override_settings(PRIVATE_ROOT=folder.name, X_ACCEL_PREFIX="/_private/"))

    def test_nginx_is_told_to_send_the_file(self) -> None:
        answer = self.client.get("/download/a%20b.pdf")
        self.assertEqual((answer.status_code, answer.content), (200, b""))
        self.assertEqual(answer["X-Accel-Redirect"], "/_private/a%20b.pdf")
        self.assertEqual(answer["Content-Type"], "application/pdf")
        self.assertIn("private", answer["Cache-Control"])

    def test_other_names_lead_nowhere(self) -> None:
        for name in ("absent", ".hidden", "..", "..%2Fsettings.py", "%2Fetc%2Fpasswd"):
            self.assertEqual(self.client.get(f"/download/{name}").status_code, 404)

    def test_django_sends_no_file_itself(self) -> None:
        with override_settings(X_ACCEL_PREFIX=""), self.assertLogs("shop.downloads"):
            self.assertEqual(self.client.get("/download/a%20b.pdf").status_code, 404)


class ChecksTest(TestCase):
    def test_the_shop_does_what_the_checks_ask(self) -> None:
        # In tests caches are in the process, and the database is SQLite.
        known = {"massive.W002", "massive.W006"}
        from django_massive import checks

        with override_settings(DEBUG=False):
            self.assertLessEqual({message.id for message in checks.run()}, known | {"massive.W012", "massive.W017"})
