"""Who wrote something reads it: from the leader until all replicas have it, from replicas before and after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from sharded_models import Common, Line, Pointer

from django_massive import positions, replicas
from django_massive.positions import Position
from django_massive.replicas import COOKIE, ReplicaReadsMiddleware
from django_massive.router import Router
from django_massive.sharding import shard

router = Router()
View = Callable[[HttpRequest], HttpResponse]


@pytest.fixture(autouse=True)
def site(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Two leaders and their replicas; gives the positions, which tests move: `default`, and `… replayed`."""
    one = connections.settings["default"]
    names = ("replica", "shard0001", "shard0001_replica")
    monkeypatch.setattr(connections, "settings", {"default": one} | dict.fromkeys(names, one))
    monkeypatch.setattr(settings, "MASSIVE_REPLICA_READS", ["common", "lines"], raising=False)
    monkeypatch.setattr(settings, "MASSIVE_SHARDS", {"COUNT": 8, "APPS": ["lines"]}, raising=False)
    at = {"default": 100, "default replayed": 100, "shard0001": 7, "shard0001 replayed": 7, "cluster": 1}
    monkeypatch.setattr(positions, "_seen", {})
    monkeypatch.setattr(positions, "PERIOD", 0.0)

    def ask(alias: str, asked: str) -> Position | None:
        number = at.get(alias if asked == positions.WRITTEN else f"{alias} replayed")
        return None if number is None else Position(number, at["cluster"])

    monkeypatch.setattr(positions, "_ask", ask)
    return at


def visit(view: Callable[[], Any], cookie: str = "") -> tuple[Any, str]:
    """What the view gave, and the visitor's cookie after it."""
    given: list[Any] = []

    def answer(request: HttpRequest) -> HttpResponse:
        given.append(view())
        return HttpResponse()

    response = ReplicaReadsMiddleware(answer)(asked(cookie))
    return given[0], response.cookies[COOKIE].value if COOKIE in response.cookies else cookie


def asked(cookie: str) -> HttpRequest:
    request = RequestFactory().get("/")
    if cookie:
        request.COOKIES[COOKIE] = cookie
    return request


def read() -> str | None:
    return router.db_for_read(Common)


def write() -> str | None:
    return router.db_for_write(Common)


def test_visitors_who_write_nothing_read_from_replicas_and_get_no_cookie() -> None:
    assert visit(read) == ("replica", "")


def test_a_writer_reads_from_the_leader_until_all_replicas_have_it(site: dict[str, int]) -> None:
    site["default"] = 300
    _, cookie = visit(write)
    assert cookie == f"default:{300:x}-1"
    site["default replayed"] = 299
    assert visit(read, cookie)[0] == "default"
    assert visit(read)[0] == "replica"
    site["default replayed"] = 300
    assert visit(read, cookie)[0] == "replica"


def test_the_request_that_writes_reads_from_the_leader_afterwards() -> None:
    assert visit(lambda: (read(), write(), read()))[0] == ("replica", None, "default")


def test_each_leader_has_a_position_of_its_own(site: dict[str, int]) -> None:
    def buy() -> None:
        with shard(1):
            assert router.db_for_write(Line) == "shard0001"

    _, cookie = visit(buy, visit(write)[1])
    assert cookie == f"default:{100:x}-1&shard0001:7-1"
    site["shard0001 replayed"] = 6

    def look() -> tuple[str | None, str | None]:
        with shard(1):
            return read(), router.db_for_read(Line)

    assert visit(look, cookie)[0] == ("replica", "shard0001")


def test_another_clusters_position_says_nothing(site: dict[str, int]) -> None:
    """A shard that was written to has moved."""
    _, cookie = visit(write)
    site.update({"cluster": 2, "default replayed": 10**9})
    assert visit(read, cookie)[0] == "default"


def test_a_leader_that_does_not_say_where_it_is_pins_to_leaders(site: dict[str, int]) -> None:
    del site["default"]
    _, cookie = visit(write)
    assert (cookie, visit(read, cookie)[0]) == ("all", "default")
    site["default"] = 1
    assert visit(write, cookie)[1] == "all"


def test_a_replica_that_is_not_connected_has_nothing(site: dict[str, int]) -> None:
    _, cookie = visit(write)
    del site["default replayed"]
    assert visit(read, cookie)[0] == "default"


@pytest.mark.parametrize(
    "cookie", ["default:", "default:zz", "nowhere:1", "::::", "&", "default:-1", "default:" + 17 * "f"]
)
def test_what_is_no_pin_pins_nothing(cookie: str) -> None:
    assert visit(read, cookie)[0] == "replica"


def test_transactions_read_where_they_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def within() -> str | None:
        with transaction.atomic():
            return read()

    assert visit(within)[0] == "default"


def test_tasks_and_commands_read_from_the_leader_unless_they_say_otherwise() -> None:
    assert read() == "default"
    with replicas.replicas():
        assert read() == "replica"
        with replicas.leaders():
            assert read() == "default"
        write()
        assert read() == "default"


def test_a_write_between_leaders_counts_for_the_request() -> None:
    def view() -> str | None:
        with replicas.leaders():
            write()
        return read()

    assert visit(view) == ("default", f"default:{100:x}-1")


def test_applications_that_are_not_named_are_read_where_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MASSIVE_REPLICA_READS", ["lines"])
    assert visit(read)[0] is None
    monkeypatch.setattr(settings, "MASSIVE_REPLICA_READS", "__all__")
    assert visit(read)[0] == "replica"


def test_what_was_read_from_a_replica_is_written_to_its_leader() -> None:
    row = Common()
    row._state.db = "replica"
    assert router.db_for_write(Common, instance=row) == "default"
    line = Line()
    line._state.db = "shard0001_replica"
    assert router.db_for_write(Line, instance=line) == "shard0001"
    written = Pointer()
    written._state.db = "default"
    assert router.allow_relation(row, written) is True


def test_raw_statements_can_be_told() -> None:
    def raw() -> str | None:
        replicas.wrote("replica")
        return read()

    assert visit(raw)[0] == "default"


def test_requests_that_are_answered_asynchronously() -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        write()
        return HttpResponse(read())

    handler: Any = ReplicaReadsMiddleware(view)  # type: ignore[arg-type]
    response = asyncio.run(handler(asked("")))
    assert (response.content, response.cookies[COOKIE].value) == (b"default", f"default:{100:x}-1")


def test_positions_are_asked_for_by_one_at_a_time(monkeypatch: pytest.MonkeyPatch, site: dict[str, int]) -> None:
    assert positions.replayed("default", Position(100, 1))
    seen = positions._seen["default"]
    with seen.lock:
        assert not positions.replayed("default", Position(100, 1))
    monkeypatch.setattr(positions, "PERIOD", 60.0)
    assert positions.replayed("default", Position(100, 1))
    site["default replayed"] = 200
    assert not positions.replayed("default", Position(101, 1))
