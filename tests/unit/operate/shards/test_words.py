"""The statements of a move, as values."""

from __future__ import annotations

import pytest

from massive_deploy.operate.shards import words
from massive_deploy.operate.shards.compare import buckets
from massive_deploy.operate.shards.words import Move

MOVE = Move("shard0007", 1, 2, 'shop"s_shard0007')


def test_each_direction_has_a_link_of_its_own() -> None:
    assert (MOVE.link, MOVE.back.link) == ("massive_shard0007_1_2", "massive_shard0007_2_1")
    assert MOVE.back.back == MOVE


def test_the_fence_is_one_transaction_with_the_mark_last() -> None:
    sql = words.fence(MOVE, ["orders", "li'nes"])
    inside = sql[sql.index("BEGIN;") : sql.index("COMMIT;")]
    order = (
        "LOCK TABLE",
        "CREATE OR REPLACE TRIGGER",
        "REVOKE USAGE",
        "state = 'fenced'",
        "INSERT INTO massive.marker",
    )
    places = [inside.index(word) for word in order]
    assert places == sorted(places)
    assert '"shard0007"."li\'nes"' in inside
    assert 'FROM "shop""s_shard0007"' in inside
    assert sql.index("SET lock_timeout") < sql.index("BEGIN;") < sql.index("pg_sequences")


def test_a_shard_without_tables_locks_nothing() -> None:
    assert "LOCK TABLE" not in words.fence(MOVE, [])


def test_a_target_that_was_called_back_does_not_open() -> None:
    opened, back = words.opened(MOVE, ["orders"]), words.called_back(MOVE)
    assert "peer = 1;" in opened
    assert opened.index("NOT FOUND") < opened.index("state = 'here'")
    assert "SET peer = NULL" in back
    assert "state <> 'here'" in back


@pytest.mark.parametrize("copy", [True, False])
def test_what_came_from_elsewhere_is_not_sent_on(copy: bool) -> None:
    sql = words.subscribe(MOVE, "host=192.0.2.1 password=it's", copy=copy)
    assert "origin = none" in sql
    assert f"copy_data = {str(copy).lower()}, enabled = {str(copy).lower()}" in sql
    # Quoted twice: as the connection, and as the statement that is run if there is no such subscription.
    assert "it''''s" in sql


def test_buckets_can_be_looked_at_again_alone() -> None:
    assert "WHERE" not in buckets("shard0007", "orders", '"id"')
    assert "IN (3, 200)" in buckets("shard0007", "orders", '"id"', [3, 200])
