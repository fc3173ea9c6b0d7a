"""What the deployment asks and sets: probes, shards, databases."""

from __future__ import annotations

import os
from unittest.mock import patch

from django.db import OperationalError, connection
from django.test import SimpleTestCase, TestCase
from environ import Env

from shop.databases import from_environment
from shop.routers import CatalogueFromReplica


class ProbesTest(TestCase):
    databases = {"default", "replica"}

    def test_health_asks_no_database_and_no_host_name(self) -> None:
        with self.assertNumQueries(0):
            response = self.client.get("/-/health", headers={"host": "192.0.2.1:8000"})
        self.assertContains(response, "ok")
        self.assertEqual(self.client.get("/", headers={"host": "192.0.2.1:8000"}).status_code, 400)

    def test_ready_follows_the_database(self) -> None:
        self.assertContains(self.client.get("/-/ready"), "ready")
        with patch.object(connection, "cursor", side_effect=OperationalError):
            self.assertEqual(self.client.get("/-/ready").status_code, 503)

    def test_version_is_the_release(self) -> None:
        with patch.dict(os.environ, {"RELEASE": "2030-01-01.1"}):
            self.assertContains(self.client.get("/-/version"), "2030-01-01.1")

    def test_shards_lists_every_alias(self) -> None:
        self.assertEqual(self.client.get("/api/shards/").json().keys(), {"default", "replica"})


class DatabasesTest(SimpleTestCase):
    def configure(self, **variables: str) -> dict:
        with patch.object(Env, "ENVIRON", variables):
            return from_environment(Env(), default_url="sqlite:////tmp/unused")

    def test_sockets_and_hosts(self) -> None:
        config = self.configure(
            DATABASE_URL="postgres://shop:p%40ss@%2Frun%2Fpgbouncer:6432/shop",
            DATABASE_REPLICA_URL="postgres://shop:secret@10.0.0.7:5000/shop_ro",
        )
        default, replica = config["default"], config["replica"]
        self.assertEqual((default["HOST"], default["PORT"]), ("/run/pgbouncer", 6432))
        self.assertEqual(default["PASSWORD"], "p@ss")
        self.assertEqual((replica["HOST"], replica["NAME"]), ("10.0.0.7", "shop_ro"))
        self.assertTrue(default["DISABLE_SERVER_SIDE_CURSORS"])
        self.assertNotIn("pool", default["OPTIONS"])

    def test_a_missing_replica_is_the_primary(self) -> None:
        config = self.configure(DATABASE_URL="postgres://shop@db:5432/shop")
        self.assertEqual(config["replica"]["HOST"], "db")

    def test_shards_and_the_pool(self) -> None:
        config = self.configure(
            DATABASE_POOL="1",
            SHARD1_DATABASE_URL="postgres://shop@one/shop",
            SHARD10_DATABASE_URL="postgres://shop@ten/shop",
            SHARD10_DATABASE_REPLICA_URL="postgres://shop@ten-ro/shop",
        )
        names = ["default", "replica", "shard1", "shard1_replica", "shard10", "shard10_replica"]
        self.assertEqual(list(config), names)
        self.assertEqual(config["shard1_replica"]["HOST"], "one")
        self.assertEqual(config["shard10_replica"]["HOST"], "ten-ro")
        self.assertIn("pool", config["shard1"]["OPTIONS"])

    def test_replicas_are_never_migrated(self) -> None:
        router = CatalogueFromReplica()
        self.assertIs(router.allow_migrate("shard1_replica", "orders"), False)
        self.assertIsNone(router.allow_migrate("shard1", "orders"))
