"""A key has one shard, always the same; what is sharded is never read or written by guess."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from sharded_models import Common, Line

from django_massive import checks, ids
from django_massive.checks import sharding as sharding_checks
from django_massive.router import Router
from django_massive.sharding import ShardNotSet, aliases, chosen, database_for, number_of, shard, shard_for, shard_of

SHARDS: dict[str, Any] = {"COUNT": 8, "STRATEGY": "hash", "EPOCH": 2026, "APPS": ["lines"]}
router = Router()


def told(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    monkeypatch.setattr(settings, "MASSIVE_SHARDS", {**SHARDS, **values}, raising=False)


@pytest.fixture
def sharded(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch)


@pytest.fixture
def line() -> Line:
    return Line()


# Keys


@pytest.mark.usefixtures("sharded")
def test_a_key_has_the_same_shard_everywhere_and_for_ever() -> None:
    # Written down once: another result would look for rows where they are not.
    assert [shard_of(key) for key in (0, 1, 7, "7", "europe", -3)] == KNOWN
    name = UUID("12345678-1234-5678-1234-567812345678")
    assert shard_of(name) == shard_of(str(name))


KNOWN = [5, 6, 2, 2, 2, 1]


@pytest.mark.usefixtures("sharded")
def test_keys_spread_over_all_shards() -> None:
    seen = Counter(shard_of(key) for key in range(8000))
    assert sorted(seen) == list(range(8))
    assert max(seen.values()) < 1.2 * min(seen.values())


def test_ranges_begin_at_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, STRATEGY="range", COUNT=3, BOUNDS=[100, 200])
    assert [shard_of(key) for key in (-1, 99, 100, "150", 199, 200, 10**9)] == [0, 0, 1, 1, 1, 2, 2]


def listed(key: object) -> int | None:
    return {"big": 7, "wrong": 8}.get(str(key))


def test_a_directory_comes_before_the_hash(monkeypatch: pytest.MonkeyPatch, sharded: None) -> None:
    by_hash = shard_of("small")
    told(monkeypatch, STRATEGY="directory", DIRECTORY=f"{__name__}.listed")
    monkeypatch.setattr("django_massive.sharding.import_string", lambda name: globals()[name.rpartition(".")[2]])
    assert (shard_of("big"), shard_of("small")) == (7, by_hash)
    with pytest.raises(ValueError, match="the directory has shard 8 for 'wrong'; there are 8"):
        shard_of("wrong")


def test_a_directory_that_is_not_named_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, STRATEGY="directory")
    with pytest.raises(ImproperlyConfigured, match="DIRECTORY"):
        shard_of(1)


@pytest.mark.usefixtures("sharded")
@pytest.mark.parametrize("key", [None, 1.5, True, b"x", (1,)])
def test_what_is_no_key_is_refused(key: Any) -> None:
    with pytest.raises(TypeError, match="a key is"):
        shard_of(key)


# The choice


@pytest.mark.usefixtures("sharded")
def test_the_innermost_choice_holds_and_ends_with_its_block() -> None:
    with shard(3):
        with shard(5):
            assert chosen() == 5
        assert chosen() == 3
    with pytest.raises(ShardNotSet, match="no shard is chosen"):
        chosen()


@pytest.mark.usefixtures("sharded")
def test_tasks_that_run_side_by_side_do_not_see_each_others_choice() -> None:
    async def one(number: int) -> int:
        with shard(number):
            await asyncio.sleep(0)
            return chosen()

    async def both() -> list[int]:
        return list(await asyncio.gather(one(1), one(2)))

    assert asyncio.run(both()) == [1, 2]


@pytest.mark.usefixtures("sharded")
def test_there_is_no_shard_beyond_the_last() -> None:
    with pytest.raises(ValueError, match="no shard 8"), shard(8):
        pass


def test_a_project_that_is_not_sharded_runs_the_same_code() -> None:
    with shard_for("anything") as number:
        assert number == 0
    assert (database_for("anything"), aliases()) == ("default", [])
    assert router.db_for_read(Line) is None
    assert router.allow_migrate("default", "lines") is None


# The router


@pytest.mark.usefixtures("sharded")
def test_nothing_sharded_is_routed_by_guess() -> None:
    for ask in (router.db_for_read, router.db_for_write):
        with pytest.raises(ShardNotSet):
            ask(Line)
        assert ask(Common) is None
        with shard(6):
            assert ask(Line) == "shard0006"
            assert ask(Common) is None


@pytest.mark.usefixtures("sharded")
def test_what_belongs_to_a_row_is_where_the_row_is(line: Line) -> None:
    line._state.db = "shard0002_replica"
    with shard(6):
        assert router.db_for_read(Line, instance=line) == "shard0002"
        assert router.db_for_read(Line, instance=Line()) == "shard0006"


def test_common_data_are_read_beside_the_shard_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, COMMON=["common"])
    line, row = Line(), Common()
    line._state.db, row._state.db = "shard0002_replica", "default"
    assert router.db_for_read(Common) is None
    assert router.db_for_read(Common, instance=line) == "shard0002"
    with shard(6):
        assert router.db_for_read(Common) == "shard0006"
        assert router.db_for_read(Common, instance=row) is None
    row._state.db = "shard0006"
    assert router.db_for_write(Common, instance=row) == "default"


@pytest.mark.usefixtures("sharded")
def test_what_is_not_sharded_is_never_looked_for_in_a_shard() -> None:
    line = Line()
    line._state.db = "shard0002"
    assert (router.db_for_read(Common, instance=line), router.db_for_write(Common, instance=line)) == ("default",) * 2


@pytest.mark.usefixtures("sharded")
def test_rows_of_two_shards_are_never_tied_together() -> None:
    one, other, common = Line(), Line(), Common()
    one._state.db, other._state.db, common._state.db = "shard0001", "shard0002", "default"
    assert router.allow_relation(one, other) is False
    other._state.db = "shard0001"
    assert router.allow_relation(one, other) is True
    assert router.allow_relation(one, common) is True
    assert router.allow_relation(common, Common()) is None


@pytest.mark.usefixtures("sharded")
@pytest.mark.parametrize(
    ("database", "lines", "common"),
    [
        ("default", False, True),
        ("shard0000", True, False),
        ("replica", False, False),
        ("shard0000_replica", False, False),
        ("events", False, True),
    ],
)
def test_tables_are_made_where_their_rows_go(database: str, lines: bool, common: bool) -> None:
    assert (router.allow_migrate(database, "lines"), router.allow_migrate(database, "common")) == (lines, common)


@pytest.mark.parametrize(
    ("name", "number"),
    [("shard0007", 7), ("shard0007_replica", 7), ("shard1", None), ("default", None), ("shards000", None)],
)
def test_an_aliass_shard(name: str, number: int | None) -> None:
    assert number_of(name) == number


# Ids


def test_an_id_tells_its_shard_and_its_time() -> None:
    at = datetime(2030, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)
    made = ids.compose(int(at.timestamp() * 1000), 4711, 1025, 2026)
    assert (ids.shard_in(made), ids.time_in(made, 2026)) == (4711, at)
    assert made & 1023 == 1


def test_ids_rise_with_time_and_fit_a_bigint() -> None:
    start = ids.start_of(2026)
    first, last = ids.compose(start, 8191, 1023, 2026), ids.compose(start + ids.LIFETIME_MS - 1, 8191, 1023, 2026)
    assert first < ids.compose(start + 1, 0, 0, 2026)
    assert last == 2**63 - 1
    for at, number in ((start - 1, 0), (start + ids.LIFETIME_MS, 0), (start, 8192)):
        with pytest.raises(ValueError, match="no id for"):
            ids.compose(at, number, 0, 2026)


def test_the_database_makes_them_alike() -> None:
    sql = ids.statements('"shard0003"', 3, 2026)
    assert f"- {ids.start_of(2026)}) << 10;" in sql
    assert "((taken >> 10) << 23) | (3::bigint << 10) | (taken & 1023)" in sql
    assert """nextval('"shard0003".massive_id')""" in sql


# Checks


@pytest.mark.usefixtures("sharded")
def test_what_does_not_go_together_with_shards_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from sharded_models import Pointer

    monkeypatch.setattr(sharding_checks.apps, "get_models", lambda **_: [Common, Line, Pointer])
    said = {number: message for number, message, _ in sharding_checks.findings()}
    assert sorted(said) == ["W018", "W019", "W020", "W021", "W022"]
    assert said["W022"].startswith("lines.Line.common ")
    monkeypatch.setattr(settings, "DATABASE_ROUTERS", [sharding_checks.ROUTER])
    assert "W018" not in {number for number, _, _ in sharding_checks.findings()}


def test_reads_from_replicas_need_their_router_and_middleware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MASSIVE_REPLICA_READS", ["common"], raising=False)
    monkeypatch.setattr(settings, "DATABASE_ROUTERS", [sharding_checks.ROUTER])
    assert [number for number, _, _ in sharding_checks.findings()] == ["W023"]
    monkeypatch.setattr(settings, "MIDDLEWARE", [sharding_checks.PINS])
    assert list(sharding_checks.findings()) == []


def test_the_checks_are_silent_about_a_project_without_shards() -> None:
    assert list(sharding_checks.findings()) == []
    assert sharding_checks.findings in checks.GROUPS
