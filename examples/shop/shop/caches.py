"""Django's cache backends with one client per process.

Django makes a client per thread. Under gevent every request is a thread of its own, so each one would connect
anew, and what it learned of a dead server would be forgotten: the next would wait out the timeout again.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.core.cache.backends.memcached import PyMemcacheCache
from django.core.cache.backends.redis import RedisCache
from pymemcache import HashClient


class OnePerProcess:
    """Share the client of a backend between all threads; it has its own pool of connections."""

    _clients: dict[str, Any] = {}

    @cached_property
    def _cache(self) -> Any:
        key = f"{type(self).__name__} {self._servers}"  # type: ignore[attr-defined]
        if key not in self._clients:
            self._clients[key] = super()._cache  # type: ignore[misc]
        return self._clients[key]

    def close(self, **kwargs: Any) -> None:
        """Keep the connections: Django calls this at the end of every request."""


class SharedHashClient(HashClient):  # type: ignore[misc]
    """A HashClient in which two requests may find one server dead; the original raises for the second."""

    def remove_server(self, server: Any, port: int | None = None) -> None:
        if server in self._dead_clients:
            self._failed_clients.pop(server, None)
        else:
            super().remove_server(server, port)


class SharedMemcache(OnePerProcess, PyMemcacheCache):
    """memcached over one pooled client per process."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = SharedHashClient


class SharedRedis(OnePerProcess, RedisCache):
    """Redis over one connection pool per process."""
