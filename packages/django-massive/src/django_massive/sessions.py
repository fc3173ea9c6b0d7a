"""Sessions in Redis: SESSION_ENGINE = "django_massive.sessions", with django_massive.caches.redis.Redis as their cache.

While Redis is away every visitor is logged out: sessions are empty, and what is put into them is lost. Nobody gets an
error, and the cookies stay, so that all is there again when Redis is.
"""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.sessions.backends import cache
from django.contrib.sessions.backends.base import CreateError, UpdateError

log = logging.getLogger(__name__)

TRIES = 10


class Away(Exception):
    """The store did not answer."""


class SessionStore(cache.SessionStore):
    """Django's cache sessions, save that a store that is away is not taken for a session that has ended."""

    away = False
    _cache: Any

    def _reach(self, operation: str, key: str, *arguments: Any) -> Any:
        """Ask the store, through its breaker where it has one.

        Raises:
            Away: it did not answer.
        """
        reach = getattr(self._cache, "reach", None)
        key = self.cache_key_prefix + key
        try:
            return reach(operation, key, *arguments) if reach else getattr(self._cache, operation)(key, *arguments)
        except Exception as error:
            self.away = True
            # A backend with a breaker has said so itself, once.
            log.log(logging.DEBUG if reach else logging.WARNING, "no sessions: %s: %s", type(error).__name__, error)
            raise Away from error

    def load(self) -> dict[str, Any]:
        """What the session holds; nothing while the store is away, and its key stays."""
        if self.session_key is None:
            return {}
        try:
            data: dict[str, Any] | None = self._reach("get", self.session_key)
        except Away:
            return {}
        if data is None:
            self._session_key = None
        return data or {}

    def save(self, must_create: bool = False) -> None:
        """Store the session. What began while the store was away is not stored: it would replace what is there.

        Raises:
            CreateError: there is a session of that key already.
            UpdateError: there is none any more.
        """
        if self.session_key is None:
            self.create()
            return
        data, age = self._get_session(no_load=must_create), self.get_expiry_age()  # type: ignore[attr-defined]
        if self.away:
            return
        try:
            if must_create:
                if not self._reach("add", self.session_key, data, age):
                    raise CreateError
            elif self._reach("get", self.session_key) is None:
                raise UpdateError
            else:
                self._reach("set", self.session_key, data, age)
        except Away:
            return

    def create(self) -> None:
        """A new key, stored if the store is there.

        Raises:
            RuntimeError: the store answers, and refuses every key.
        """
        for _ in range(TRIES):
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return
        raise RuntimeError("the session store accepts no new session")

    def exists(self, session_key: str | None) -> bool:
        """Whether there is a session of that key."""
        if not session_key:
            return False
        try:
            return bool(self._reach("has_key", session_key))
        except Away:
            return False

    def delete(self, session_key: str | None = None) -> None:
        """Forget the session, if the store is there."""
        key = session_key or self.session_key
        if key is None:
            return
        try:
            self._reach("delete", key)
        except Away:
            return
