"""The request's id in logs and SQL, and the client's address."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from django.http import HttpResponse
from django.test import Client, RequestFactory

from django_massive import request_id, sql_comments
from django_massive.client_address import ClientAddressMiddleware
from django_massive.request_id import RequestIdFilter


def test_the_edges_id_is_everywhere_during_the_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RequestIdFilter())
    body = Client().get("/comment/", headers={"X-Request-ID": "abc-123"}).content.decode()
    assert body == "abc-123| /* request_id=abc-123 view=shop:comment */"
    assert [record.request_id for record in caplog.records if record.name == "views"] == ["abc-123"]  # type: ignore[attr-defined]
    assert (request_id.current(), sql_comments.comment()) == ("", "")


def test_what_django_logs_after_the_request_has_the_id_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RequestIdFilter())
    Client().get("/absent/", headers={"X-Request-ID": "abc-123"})
    assert [record.request_id for record in caplog.records] == ["abc-123"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("given", ["", "*/; drop table x --", "a" * 65, "a\nb", "ä"])
def test_an_id_that_is_none_is_replaced(given: str) -> None:
    found = Client().get("/comment/", headers={"X-Request-ID": given}).content.decode().split("|")[0]
    assert len(found) == 32
    assert found.isalnum()


def test_a_comment_cannot_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_id, "current", lambda: "x */ ; drop table y; /* %s 'é")
    monkeypatch.setattr(request_id, "current_view", lambda: "v" * 500)
    text = sql_comments.comment()
    assert text.count("*/") == text.count("/*") == 1
    assert not set(text) & set("%;'é")
    assert len(text) < 300


def test_statements_carry_it_with_and_without_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_id, "current", lambda: "abc")
    connection.close()
    seen: list[str] = []

    def watch(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch), connection.cursor() as cursor:
        cursor.execute("select %s", [1])
        assert cursor.fetchone() == (1,)
        cursor.execute("select '100%'")
        assert cursor.fetchone() == ("100%",)
    assert seen == ["select %s /* request_id=abc */", "select '100%' /* request_id=abc */"]
    # The wrapper that was put in while another one was in place is still there, once, and the other one gone.
    assert connection.execute_wrappers == [sql_comments.commented]


def test_outside_of_a_request_statements_stay_as_they_are() -> None:
    assert sql_comments.commented(lambda sql, *rest: sql, "select 1", None, False, {}) == "select 1"


@pytest.mark.parametrize(
    ("peer", "header", "address"),
    [
        ("", "203.0.113.9", "203.0.113.9"),
        ("", "2001:db8::1", "2001:db8::1"),
        ("", "nonsense", "127.0.0.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
    ],
)
def test_the_clients_address_behind_a_unix_socket(peer: str, header: str, address: str) -> None:
    seen = ClientAddressMiddleware(lambda request: HttpResponse(request.META["REMOTE_ADDR"]))
    request = RequestFactory().get("/", headers={"X-Real-IP": header}, REMOTE_ADDR=peer)
    assert seen(request).content.decode() == address


def test_a_connection_that_is_made_again_has_one_comment() -> None:
    class Connection:
        execute_wrappers: list[Any] = []

    for _ in range(2):
        connection_created.send(Connection, connection=Connection())
    assert Connection.execute_wrappers == [sql_comments.commented]
