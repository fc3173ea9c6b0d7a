"""memcached over one pooled client per process."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.memcached import PyMemcacheCache
from pymemcache.client.hash import HashClient

from django_massive.caches import OneClientPerProcess, given_options

# pymemcache has the breaker: a server that fails once is left out, its keys go to the others, for `dead_timeout`.
DEFAULTS: dict[str, Any] = {
    "connect_timeout": 0.2,
    "timeout": 0.2,
    "ignore_exc": True,
    "no_delay": True,
    "use_pooling": True,
    # Beyond this many at once a request goes on without the cache.
    "max_pool_size": 250,
    "retry_attempts": 0,
    "dead_timeout": 5,
}


class SharedHashClient(HashClient):
    """A HashClient in which two requests may find one server dead; the original raises for the second."""

    def remove_server(self, server: Any, port: int | None = None) -> None:
        """Take a server out, once."""
        if server in self._dead_clients:
            self._failed_clients.pop(server, None)
        else:
            super().remove_server(server, port)


class Memcached(OneClientPerProcess, PyMemcacheCache):
    """Django's backend with time-outs of 0.2 s; OPTIONS are pymemcache's and win over the defaults."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, {**params, "OPTIONS": {**DEFAULTS, **(params.get("OPTIONS") or {})}})
        self._given = given_options(params)
        self._class = SharedHashClient

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """The new value.

        Raises:
            ValueError: there is no such key, or no server to ask.
        """
        value = super().incr(key, delta, version)
        if value is False:
            raise ValueError(f"Key '{key}' not found")
        return value
