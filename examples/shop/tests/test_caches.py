"""The cache client that all threads of a process share."""

from __future__ import annotations

from django.test import SimpleTestCase

from shop.caches import SharedHashClient, SharedMemcache

# A port where nothing listens; connecting is refused at once.
NOBODY = ("127.0.0.1", 9)


class SharedClientTest(SimpleTestCase):
    def test_two_backends_have_one_client(self) -> None:
        first, second = (SharedMemcache(["127.0.0.1:9"], {}) for _ in range(2))
        self.assertIs(first._cache, second._cache)

    def test_a_server_may_be_found_dead_twice(self) -> None:
        client = SharedHashClient([NOBODY], ignore_exc=True, retry_attempts=0, dead_timeout=60)
        self.assertIsNone(client.get("key"))
        client._mark_failed_server(NOBODY)
        self.assertIsNone(client.get("key"))
