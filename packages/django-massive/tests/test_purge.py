"""Purges over real connections: what caches are sent, and what becomes of those that do not answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import override_settings

from django_massive import purge, queue, tags


class Cache:
    """A server that notes what it is asked, and says that it purged `objects`."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.body, self.status = b'{"purged": 2}', 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PURGE(self) -> None:
                outer.seen.append((self.command, self.path, dict(self.headers)))
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            do_BAN = do_PURGE  # noqa: N815

            def log_message(self, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def pair() -> Iterator[list[Cache]]:
    made = [Cache(), Cache()]
    with override_settings(MASSIVE_PURGE_URLS=[cache.url for cache in made]):
        yield made
    for cache in made:
        cache.close()


def test_every_cache_is_told_and_counts_are_added(pair: list[Cache]) -> None:
    assert purge.purge("product-3", "list") == purge.Report(4, ())
    for cache in pair:
        ((method, path, headers),) = cache.seen
        assert (method, path) == ("PURGE", "/")
        assert headers["X-Purge-Tags"] == "product-3 list many-tags"
        assert "X-Purge-Hard" not in headers


def test_hard(pair: list[Cache]) -> None:
    purge.purge("a", hard=True)
    assert pair[0].seen[0][2]["X-Purge-Hard"] == "1"


def test_urls_with_and_without_a_host(pair: list[Cache]) -> None:
    purge.purge_urls("https://Shop.example:443/p/1/?a=b", "/p/2/")
    assert [(path, headers["Host"]) for _, path, headers in pair[0].seen] == [
        ("/p/1/?a=b", "shop.example"),
        ("/p/2/", "testserver"),
        ("/p/2/", "www.example.com"),
    ]


def test_bans(pair: list[Cache]) -> None:
    purge.purge_matching("^/p/")
    assert (pair[1].seen[0][0], pair[1].seen[0][2]["X-Ban-Url"]) == ("BAN", "^/p/")


def test_many_tags_are_several_requests_of_one_connection(pair: list[Cache]) -> None:
    names = [f"product-{number:06}" for number in range(1000)]
    report = purge.purge(*names)
    assert report.objects == sum(2 * len(cache.seen) for cache in pair)
    lines = [headers["X-Purge-Tags"] for _, _, headers in pair[0].seen]
    assert max(map(len, lines)) <= purge.BATCH_BYTES
    assert " ".join(lines).split() == [*names, "many-tags"]


@pytest.mark.parametrize(
    ("status", "body"), [(405, b'{"purged": 2}'), (200, b"<html>"), (200, b"[]"), (200, b'{"other": 1}')]
)
def test_a_cache_that_refuses_or_says_nonsense_has_failed(pair: list[Cache], status: int, body: bytes) -> None:
    pair[0].status, pair[0].body = status, body
    assert purge.purge("a") == purge.Report(2, (pair[0].url,))


def test_a_frozen_cache_costs_one_time_out_and_the_other_is_purged(
    pair: list[Cache], frozen: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[tuple[Any, ...]] = []
    monkeypatch.setattr(queue, "enqueue", lambda *words: queued.append(words) or True)
    url = f"http://{frozen[0]}:{frozen[1]}"
    began = time.monotonic()
    with override_settings(MASSIVE_PURGE_URLS=[url, pair[0].url, "http://127.0.0.1:9"]):
        report = purge.purge("a")
    assert time.monotonic() - began < 3 * purge.TIMEOUT
    assert report == purge.Report(2, (url, "http://127.0.0.1:9"))
    assert queued[0] == ("purge_again", url, [["PURGE", "/", {"X-Purge-Tags": "a many-tags"}]])
    json.dumps(queued)


def test_the_task_purges_what_was_queued(pair: list[Cache]) -> None:
    from django_massive.tasks import purge_again

    purge_again(pair[0].url, [["PURGE", "/", {"X-Purge-Tags": "a"}]])
    assert pair[0].seen[0][2]["X-Purge-Tags"] == "a"
    with pytest.raises(OSError, match="refused"):
        purge_again("http://127.0.0.1:9", [["PURGE", "/", {}]])


def test_without_caches_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    assert purge.purge("a") == purge.Report()
    monkeypatch.setenv("CACHE_PURGE_URLS", "http://192.0.2.1:6083, http://192.0.2.2:6083")
    assert purge.caches() == ["http://192.0.2.1:6083", "http://192.0.2.2:6083"]


def test_tags_of_a_response_are_added_sorted_and_safe() -> None:
    response = HttpResponse()
    tags.tag(response, "product-3")
    tags.tag(response, "list", "product-3", "größe 1", "a\r\nb")
    assert response["X-Tags"] == "a%0D%0Ab gr%C3%B6%C3%9Fe%201 list product-3"
    assert tags.clean(["größe 1"]) == ["gr%C3%B6%C3%9Fe%201"]
    with pytest.raises(ValueError, match="empty"):
        tags.tag(response, "")


def test_a_page_with_too_many_tags_is_taken_along_by_every_purge() -> None:
    response = HttpResponse()
    tags.tag(response, *(f"product-{number}" for number in range(1000)))
    assert response["X-Tags"] == tags.MANY
    tags.tag(response, "one-more")
    assert response["X-Tags"] == tags.MANY
