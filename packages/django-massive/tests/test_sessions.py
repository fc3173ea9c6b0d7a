"""Redis away: logged out, no error, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from django_massive.sessions import SessionStore


class Store:
    """The test's cache, which can go away."""

    def __init__(self) -> None:
        self.away = False
        self.frozen_at: list[str] = []

    def reach(self, operation: str, *arguments: Any) -> Any:
        if self.away:
            raise TimeoutError
        return getattr(caches["default"], operation)(*arguments)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    made = Store()
    original = SessionStore.__init__

    def with_store(self: SessionStore, key: str | None = None) -> None:
        original(self, key)
        self._cache = made

    monkeypatch.setattr(SessionStore, "__init__", with_store)
    with override_settings(SESSION_ENGINE="django_massive.sessions", SESSION_CACHE_ALIAS="default"):
        yield made


def visit(cookie: str | None, view: Any) -> HttpResponse:
    request = RequestFactory().get("/")
    if cookie:
        request.COOKIES["sessionid"] = cookie

    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(view(request.session)))

    return SessionMiddleware(answer)(request)  # type: ignore[arg-type,return-value]


def put(session: SessionStore) -> str:
    session["cart"] = ["mug"]
    return "put"


def test_a_session_is_kept(store: Store) -> None:
    cookie = visit(None, put).cookies["sessionid"].value
    assert visit(cookie, lambda session: session["cart"]).content == b"['mug']"


def test_while_the_store_is_away_it_is_empty_and_the_cookie_stays(store: Store) -> None:
    cookie = visit(None, put).cookies["sessionid"].value
    store.away = True
    answer = visit(cookie, lambda session: session.get("cart"))
    assert (answer.status_code, answer.content, dict(answer.cookies)) == (200, b"None", {})
    store.away = False
    assert visit(cookie, lambda session: session["cart"]).content == b"['mug']"


def test_what_is_written_meanwhile_does_not_replace_what_is_there(store: Store) -> None:
    cookie = visit(None, put).cookies["sessionid"].value

    def back_before_it_is_saved(session: SessionStore) -> str:
        session["cart"] = ["other"]
        store.away = False
        return "put"

    store.away = True
    assert visit(cookie, back_before_it_is_saved).status_code == 200
    assert visit(cookie, lambda session: session["cart"]).content == b"['mug']"


def test_a_new_visitor_and_a_login_get_no_error(store: Store) -> None:
    store.away = True
    assert visit(None, put).status_code == 200
    assert visit(None, lambda session: session.cycle_key()).status_code == 200
    assert visit(None, lambda session: session.flush()).status_code == 200
    assert SessionStore().exists("any") is False


def test_a_session_that_ended_is_still_told_from_one_that_cannot_be_read(store: Store) -> None:
    answer = visit("a" * 32, lambda session: session.get("cart"))
    assert answer.cookies["sessionid"]["max-age"] == 0


def test_keys_that_are_taken_are_not_used(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = iter(["a" * 32, "a" * 32, "b" * 32])
    monkeypatch.setattr(SessionStore, "_get_new_session_key", lambda self: next(keys))
    for expected in ("a" * 32, "b" * 32):
        session = SessionStore()
        session.create()
        assert session.session_key == expected
