"""Pages as files, which the edge serves without asking anybody: <root>/<host>/<path>/index.html."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.handlers.base import BaseHandler
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.module_loading import import_string

from django_massive.conf import setting


class Refused(Exception):
    """A page that must not or cannot become a file."""


class Renderer:
    """Answers requests as the site does, its middleware included, without a server."""

    def __init__(self, scheme: str = "https") -> None:
        self._handler = BaseHandler()
        self._handler.load_middleware()
        self._factory = RequestFactory()
        self._secure = scheme == "https"

    def page(self, host: str, path: str) -> bytes:
        """The body of a page that is the same for everybody.

        Raises:
            Refused: it is not, or it is no page at all.
        """
        request = self._factory.get(path, secure=self._secure, headers={"host": host})
        response: Any = self._handler.get_response(request)
        try:
            _require_public(response)
            return b"".join(response) if response.streaming else bytes(response.content)
        finally:
            response.close()


def _require_public(response: HttpResponse) -> None:
    if response.status_code != 200:
        raise Refused(f"it answers {response.status_code}")
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        raise Refused(f"it is {response.headers.get('Content-Type', 'of no type')}, not text/html")
    if response.cookies:
        raise Refused(f"it sets the cookie {min(response.cookies)}")
    control = response.headers.get("Cache-Control", "")
    if "private" in control or "no-store" in control:
        raise Refused("it is for one visitor (Cache-Control: private or no-store)")
    varied = {word.strip().lower() for word in response.headers.get("Vary", "").split(",")}
    if "cookie" in varied:
        raise Refused("it reads cookies (Vary: Cookie)")
    # One file is for everybody, whatever his browser asks for. What goes by Origin are headers, which a file has not.
    if others := sorted(varied - {"", "accept-encoding", "origin"}):
        raise Refused(f"it is another page for another {others[0]} (Vary)")


def file_of(root: Path, host: str, path: str) -> Path:
    """Where a page is kept.

    Raises:
        Refused: the path leads elsewhere, or has a query, which files have not.
    """
    parts = urlsplit(path)
    inside = PurePosixPath(unquote(parts.path))
    if parts.query or not parts.path.startswith("/"):
        raise Refused("a pre-rendered page is a path from the root without a query")
    names = (host, *inside.parts[1:])
    if any(name in {"", ".", ".."} or "/" in name or "\0" in name for name in names):
        raise Refused("its path leads out of the folder")
    return root.joinpath(*names, "index.html")


def write(file: Path, body: bytes) -> bool:
    """Replace the file as a whole, readable by the web server; false when it holds this already."""
    if file.is_file() and file.read_bytes() == body:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".index-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(body)
        Path(name).chmod(0o644)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def paths() -> Iterator[str]:
    """MASSIVE_PRERENDER: paths, or the dotted name of a function that gives them; then MASSIVE_PRERENDER_SITEMAPS."""
    given: Iterable[str] | str = setting("PRERENDER", [])
    listed: Callable[[], Iterable[str]] | None = import_string(given) if isinstance(given, str) else None
    yield from listed() if listed is not None else given
    sitemaps: str = setting("PRERENDER_SITEMAPS", "")
    if sitemaps:
        yield from _of_sitemaps(import_string(sitemaps))


def _of_sitemaps(sitemaps: dict[str, Any]) -> Iterator[str]:
    """Paths of Django's sitemaps: {section: class or instance}."""
    for one in sitemaps.values():
        sitemap = one() if isinstance(one, type) else one
        for number in sitemap.paginator.page_range:
            for item in sitemap.paginator.page(number).object_list:
                yield str(sitemap.location(item))
