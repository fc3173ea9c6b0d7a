"""What pages say to caches, alone and put together from fragments."""

from __future__ import annotations

import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import Client, override_settings

from django_massive.cookies import CookiesOnCachedPagesMiddleware, defeats

VARNISH = {"Surrogate-Capability": 'varnish="ESI/1.0"'}


def get(path: str, **headers: str) -> HttpResponse:
    return Client().get(path, headers=headers)  # type: ignore[return-value]


def test_a_cached_page_says_how_long_and_what_it_shows() -> None:
    page = get("/p/3/")
    assert page["Cache-Control"] == "public, max-age=0, s-maxage=5"
    assert page["X-Tags"] == "product-3"
    assert "Surrogate-Control" not in page


@pytest.mark.parametrize(("query", "control"), [("status=404", True), ("status=500", False), ("status=302", False)])
def test_only_answers_that_last_are_kept(query: str, control: bool) -> None:
    assert get(f"/p/3/?{query}").has_header("Cache-Control") is control


def test_an_answer_to_a_post_is_not_kept() -> None:
    assert not Client().post("/p/3/").has_header("Cache-Control")


def test_what_the_view_says_itself_stays() -> None:
    page = get("/p/3/?own")
    assert page["Cache-Control"] == "private"
    assert not page.has_header("X-Tags")


def test_a_page_with_a_cookie_is_kept_by_nobody() -> None:
    page = get("/p/3/?cookie")
    assert page["Cache-Control"] == "private, no-store"
    assert not page.has_header("X-Tags")


def test_private_and_never() -> None:
    assert (get("/line/")["Cache-Control"], get("/line/")["Vary"]) == ("private, max-age=0", "Cookie")
    assert get("/never/")["Cache-Control"] == "private, no-store"


def test_a_lazy_template_is_rendered_and_its_tags_are_known() -> None:
    page = get("/lazy/", **VARNISH)
    assert page["X-Tags"] == "list product-3"
    assert page["Cache-Control"] == "public, max-age=0, s-maxage=30, stale-while-revalidate=10"
    assert page["Surrogate-Control"] == 'max-age=30, stale-while-revalidate=10, content="ESI/1.0"'


def test_a_cache_that_reads_esi_is_told_where_the_fragment_is() -> None:
    page = get("/", **VARNISH)
    assert page.content == b'<p><esi:include src="/line/?a=1&amp;b=2" /></p>'
    assert page["Surrogate-Control"] == 'max-age=60, content="ESI/1.0"'
    assert page["Content-Encoding"] == "identity"
    assert "s-maxage=60" in page["Cache-Control"]
    with override_settings(MASSIVE_ESI=True):
        assert b"<esi:include" in get("/").content
    with override_settings(MASSIVE_ESI=False):
        assert b"<esi:include" not in get("/", **VARNISH).content


def test_without_one_the_fragment_is_put_in_and_the_page_is_private() -> None:
    client = Client()
    client.cookies["who"] = "alice"
    page = client.get("/")
    assert page.content == b"<p>line of alice 2</p>"
    assert page["Cache-Control"] == "private, no-store"
    assert not page.has_header("X-Tags")


def test_a_fragment_for_everybody_leaves_the_page_cached() -> None:
    page = get("/of-shared/")
    assert page.content == b"<p>for all</p>"
    assert "s-maxage=60" in page["Cache-Control"]


def test_a_page_that_nobody_keeps_is_put_together_too() -> None:
    page = get("/never/", **VARNISH)
    assert page["Surrogate-Control"] == 'content="ESI/1.0"'
    assert page["Cache-Control"] == "private, no-store"


def test_a_view_without_a_decorator_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="@cached"):
        get("/bare/", **VARNISH)


def response(control: str, **headers: str) -> HttpResponse:
    return HttpResponse(headers={"Cache-Control": control, **headers})


def test_cookies_that_defeat_a_cache_are_named(caplog: pytest.LogCaptureFixture) -> None:
    page = response("public, s-maxage=60", Vary="Accept-Encoding, Cookie")
    page.set_cookie("csrftoken", "x")
    assert [text.split()[0] for text in defeats(page)] == ["sets", "reads"]
    assert defeats(response("private", Vary="Cookie")) == []
    assert defeats(response("public, s-maxage=60", Vary="Accept-Encoding")) == []
    middleware = ["django_massive.cookies.CookiesOnCachedPagesMiddleware"]
    with override_settings(DEBUG=True, MIDDLEWARE=middleware), caplog.at_level(logging.WARNING):
        assert CookiesOnCachedPagesMiddleware(lambda request: page)(type("Request", (), {"path": "/x/"})()) is page
        assert "/x/ is not cached: it sets the cookie csrftoken" in caplog.text
