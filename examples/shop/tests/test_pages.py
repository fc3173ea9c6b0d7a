"""What caches in front of Django may keep, and what they may not."""

from __future__ import annotations

from unittest.mock import patch

from django.core.cache import cache, caches
from django.test import TestCase
from redis.exceptions import TimeoutError as RedisTimeoutError


class CachedPagesTest(TestCase):
    databases = {"default", "replica"}

    def setUp(self) -> None:
        cache.clear()

    def assert_shared(self, path: str) -> None:
        response = self.client.get(path)
        self.assertEqual(response.status_code, 200)
        self.assertIn("public", response["Cache-Control"])
        self.assertIn("s-maxage=60", response["Cache-Control"])
        self.assertNotIn("Set-Cookie", response.headers)
        self.assertFalse(response.cookies)
        self.assertNotIn("Cookie", response.get("Vary", ""))

    def test_pages_for_everyone_touch_no_cookie(self) -> None:
        self.assert_shared("/")
        self.assert_shared("/p/enamel-mug/")

    def test_they_stay_so_for_a_visitor_with_a_cart(self) -> None:
        self.client.post("/cart/add/enamel-mug/")
        self.assertIn("sessionid", self.client.cookies)
        self.assert_shared("/p/enamel-mug/")

    def test_a_warm_fragment_asks_no_database(self) -> None:
        self.client.get("/")
        with self.assertNumQueries(0, using="replica"), self.assertNumQueries(0):
            self.assertContains(self.client.get("/"), "Enamel mug")

    def test_a_product_page_is_one_query(self) -> None:
        with self.assertNumQueries(1, using="replica"), self.assertNumQueries(0):
            self.assertContains(self.client.get("/p/enamel-mug/"), "€ 12.50")

    def test_an_unknown_product_is_not_found(self) -> None:
        self.assertContains(self.client.get("/p/nothing/"), "nothing at this address", status_code=404)


class CartTest(TestCase):
    databases = {"default", "replica"}

    def test_it_is_private_and_counts(self) -> None:
        self.assertContains(self.client.get("/cart/"), "nothing in it")
        for _ in range(2):
            self.assertRedirects(self.client.post("/cart/add/tin-whistle/"), "/cart/")
        response = self.client.get("/cart/")
        self.assertContains(response, "€ 15.00")
        self.assertIn("no-store", response["Cache-Control"])
        self.assertIn("private", response["Cache-Control"])

    def test_it_outlives_a_failing_session_store(self) -> None:
        self.client.post("/cart/add/tin-whistle/")
        with patch.object(caches["sessions"], "get", side_effect=RedisTimeoutError):
            response = self.client.get("/cart/")
        self.assertContains(response, "nothing in it")
        self.assertNotIn("sessionid", response.cookies)
        self.assertContains(self.client.get("/cart/"), "Tin whistle")

    def test_adding_needs_a_post_of_a_known_product(self) -> None:
        self.assertEqual(self.client.get("/cart/add/tin-whistle/").status_code, 405)
        self.assertEqual(self.client.post("/cart/add/nothing/").status_code, 404)

    def test_other_sites_cannot_add(self) -> None:
        path = "/cart/add/tin-whistle/"
        sites = [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
        for headers in [*sites, {"Origin": "https://other.example"}]:
            self.assertEqual(self.client.post(path, headers=headers).status_code, 403)
        own = [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://testserver"}, {}]
        for headers in own:
            self.assertEqual(self.client.post(path, headers=headers).status_code, 302)
