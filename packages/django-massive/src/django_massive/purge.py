"""Purges: tell every cache in front of the site that something has changed, all at once, and never fail the caller."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from django_massive import queue
from django_massive.conf import setting
from django_massive.tags import MANY, clean

log = logging.getLogger(__name__)

# Bytes of tags in one request: well below what caches take as a header.
BATCH_BYTES = 3000
TIMEOUT = 0.5
# Method, path, headers: plain values, so that they can be queued.
Order = tuple[str, str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a purge: objects that went, over all caches, and the caches that did not do it."""

    objects: int = 0
    failed: tuple[str, ...] = ()


def purge(*tags: object, hard: bool = False) -> Report:
    """Purge every page with one of these tags from all caches.

    Args:
        tags: what changed, for instance "product-3".
        hard: forget the pages even for the case that no app server answers.
    """
    if not tags:
        return Report()
    more = {"X-Purge-Hard": "1"} if hard else {}
    return _order([("PURGE", "/", {"X-Purge-Tags": line, **more}) for line in _lines(clean([*tags, MANY]))])


def purge_urls(*urls: str, hard: bool = False) -> Report:
    """Purge single pages: full URLs, or paths, which are purged for each of ALLOWED_HOSTS that is a whole name."""
    more = {"X-Purge-Hard": "1"} if hard else {}
    return _order([("PURGE", path, {"Host": host, **more}) for url in urls for host, path in _places(url)])


def purge_matching(pattern: str) -> Report:
    """Ban every page whose URL (path and query) matches a regular expression. Slow with many pages: prefer tags."""
    return _order([("BAN", "/", {"X-Ban-Url": pattern})])


def caches() -> list[str]:
    """Where purges go: MASSIVE_PURGE_URLS, else CACHE_PURGE_URLS of the environment (separated by commas)."""
    given = os.environ.get("CACHE_PURGE_URLS", "").split(",")
    return list(setting("PURGE_URLS", [url.strip() for url in given if url.strip()]))


def _order(orders: Sequence[Order]) -> Report:
    urls = caches()
    if not urls or not orders:
        return Report()
    with ThreadPoolExecutor(len(urls)) as pool:
        done = list(pool.map(lambda url: _quietly(url, orders), urls))
    report = Report(
        sum(count or 0 for count in done), tuple(url for url, c in zip(urls, done, strict=True) if c is None)
    )
    for url in report.failed:
        again = queue.enqueue("purge_again", url, [list(order) for order in orders])
        log.log(logging.WARNING if again else logging.ERROR, "%s did not purge%s", url, ", queued" if again else "")
    log.info("purged %d objects of %d caches: %s", report.objects, len(urls), orders)
    return report


def _quietly(url: str, orders: Sequence[Order]) -> int | None:
    try:
        return send(url, orders, setting("PURGE_TIMEOUT", TIMEOUT))
    except (OSError, ValueError, http.client.HTTPException) as error:
        log.warning("purging at %s: %s: %s", url, type(error).__name__, error)
        return None


def send(url: str, orders: Iterable[Sequence[Any]], timeout: float) -> int:
    """Give one cache its orders over one connection; objects that went.

    Raises:
        OSError, http.client.HTTPException: it does not answer.
        ValueError: it refuses, or answers what cannot be understood.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    try:
        return sum(_one(connection, *order) for order in orders)
    finally:
        connection.close()


def _one(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]) -> int:
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read(65536)
    if answer.status != 200:
        raise ValueError(f"it answers {answer.status} to {method}")
    try:
        return int(json.loads(body)["purged"])
    except (KeyError, TypeError) as error:
        raise ValueError("it does not say how many objects went") from error


def _lines(words: Iterable[str]) -> Iterator[str]:
    """Tags as header values that are short enough."""
    line = ""
    for word in dict.fromkeys(words):
        if line and len(line) + 1 + len(word) > BATCH_BYTES:
            yield line
            line = word
        else:
            line = f"{line} {word}".lstrip()
    yield line


def _places(url: str) -> Iterator[tuple[str, str]]:
    """Host and path that a cache knows the page by."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.netloc:
        # As caches know it: a browser leaves out the usual port.
        yield re.sub(r":(80|443)?$", "", parts.netloc.rpartition("@")[2].lower()), path
        return
    hosts = [host for host in settings.ALLOWED_HOSTS if not host.startswith((".", "*"))]
    if not hosts:
        log.error("cannot purge %s: give full URLs, or whole names in ALLOWED_HOSTS", url)
    yield from ((host, path) for host in hosts)
