"""Tags on pages: what a page shows, so that it can be purged when that changes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.http.response import HttpResponseBase

from django_massive.conf import setting

log = logging.getLogger(__name__)

HEADER = "X-Tags"
# What a page with more tags than fit in a header carries instead; every purge by tag takes such pages along.
MANY = "many-tags"
HEADER_BYTES = 2000


@dataclass(slots=True)
class Page:
    """What is found out about a page while it is rendered."""

    tags: set[str] = field(default_factory=set)
    esi: bool = False
    """Whether it holds fragments the cache puts in."""
    personal: bool = False
    """Whether something of one visitor's was written into it."""


_page: ContextVar[Page | None] = ContextVar("django_massive_page", default=None)


@contextmanager
def collect() -> Iterator[Page]:
    """The page that `note` and template tags inside add to; one inside another adds to both."""
    outer, inner = _page.get(), Page()
    token = _page.set(inner)
    try:
        yield inner
    finally:
        _page.reset(token)
        if outer is not None:
            outer.tags |= inner.tags


def current() -> Page | None:
    """The page that is collected now."""
    return _page.get()


def note(*tags: object) -> None:
    """Say that the page being rendered shows these; without effect when none is collected."""
    page = _page.get()
    if page is not None:
        page.tags.update(clean(tags))


def tag(response: HttpResponseBase, *tags: object) -> None:
    """Add tags to a response."""
    known = [word for word in str(response.headers.get(HEADER, "")).split(" ") if word]
    words = sorted({*known, *clean(tags)})
    if not words:
        return
    if MANY in words or len(" ".join(words)) > setting("TAG_BYTES", HEADER_BYTES):
        log.info("a page with %d tags is purged at every purge by tag", len(words))
        words = [MANY]
    response.headers[HEADER] = " ".join(words)


def clean(tags: Iterable[Any]) -> list[str]:
    """The tags as they are sent: printable ASCII without spaces, the rest percent-encoded.

    Raises:
        ValueError: a tag is empty.
    """
    words = [quote(str(one), safe="-._~:/@+=") for one in tags]
    if "" in words:
        raise ValueError("a tag may not be empty")
    return words
