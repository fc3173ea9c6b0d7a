"""Sessions in Redis that outlive a failure of Redis."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import cache


class SessionStore(cache.SessionStore):
    """Django's cache sessions, save that a failed read is an error.

    Django takes it for a session that has ended, and tells the browser to forget its cookie: a Redis that is
    away for a second would empty the cart of every visitor who comes by.
    """

    def load(self) -> dict[str, Any]:
        data: dict[str, Any] | None = self._cache.get(self.cache_key)
        if data is not None:
            return data
        self._session_key = None
        return {}
