"""Redis over one pool of connections per process, with a circuit breaker."""

from __future__ import annotations

import logging
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from django_massive.breaker import Breaker
from django_massive.caches import OneClientPerProcess, given_options

log = logging.getLogger(__name__)

DEFAULTS: dict[str, Any] = {"socket_connect_timeout": 0.2, "socket_timeout": 0.2}
_breakers: dict[str, Breaker] = {}


class Unavailable(Exception):
    """Redis did not answer, or is left alone because it lately did not."""


class Redis(OneClientPerProcess, RedisCache):
    """Django's backend with time-outs of 0.2 s; what fails is a miss.

    OPTIONS are redis-py's, and `failures` (1) and `pause` (2 seconds) of the breaker.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        options = {**DEFAULTS, **(params.get("OPTIONS") or {})}
        failures, pause = options.pop("failures", 1), options.pop("pause", 2.0)
        # Once more on another connection when one was cut (a restart cuts them all), never after a time-out.
        options.setdefault("retry", Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)))
        super().__init__(server, {**params, "OPTIONS": options})
        self._given = given_options(params)
        self._breaker = _breakers.setdefault(str(server), Breaker(failures, pause))

    def reach(self, operation: str, *arguments: Any) -> Any:
        """What an operation of Django's backend returns.

        Raises:
            Unavailable: Redis did not answer.
            ValueError: the operation's own, as `incr` of a key that is not there.
        """
        if not self._breaker.allows():
            raise Unavailable("Redis did not answer lately")
        try:
            done = getattr(RedisCache, operation)(self, *arguments)
        except ResponseError as error:
            # It answers: no reason to leave it alone.
            self._breaker.succeeded()
            log.warning("Redis refused %s: %s", operation, error)
            raise Unavailable(str(error)) from error
        except (RedisError, OSError) as error:
            self._breaker.failed()
            log.warning("Redis is away: %s", type(error).__name__)
            raise Unavailable(type(error).__name__) from error
        self._breaker.succeeded()
        return done

    def _or(self, miss: Any, operation: str, *arguments: Any) -> Any:
        try:
            return self.reach(operation, *arguments)
        except Unavailable:
            return miss

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Whether the value was stored; also false when Redis is away."""
        return bool(self._or(False, "add", key, value, timeout, version))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """The value, or the default."""
        return self._or(default, "get", key, default, version)

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store the value, if Redis is there."""
        self._or(None, "set", key, value, timeout, version)

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Whether the key is there and lives longer now."""
        return bool(self._or(False, "touch", key, timeout, version))

    def delete(self, key: str, version: int | None = None) -> bool:
        """Whether there was something to delete."""
        return bool(self._or(False, "delete", key, version))

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        """What is there of these."""
        return dict(self._or({}, "get_many", list(keys), version))

    def has_key(self, key: str, version: int | None = None) -> bool:
        """Whether the key is there."""
        return bool(self._or(False, "has_key", key, version))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """The new value.

        Raises:
            ValueError: there is no such key, or no Redis to ask.
        """
        value = self._or(None, "incr", key, delta, version)
        if value is None:
            raise ValueError(f"Key '{key}' not found")
        return int(value)

    def set_many(self, data: dict[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> list[Any]:
        """Keys that were not stored."""
        return list(self._or(list(data), "set_many", data, timeout, version))

    def delete_many(self, keys: Any, version: int | None = None) -> None:
        """Delete what is there of these."""
        self._or(None, "delete_many", list(keys), version)

    def clear(self) -> None:
        """Delete everything, if Redis is there."""
        self._or(None, "clear")
