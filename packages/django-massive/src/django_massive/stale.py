"""A cache that always has an answer: one caller computes the new value, all others get the old one."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import caches

log = logging.getLogger(__name__)
T = TypeVar("T")

# Seconds a caller who has nothing at all waits for the one who computes, and how often it looks.
WAIT, LOOK = 5.0, 0.05


def remember(
    key: str,
    compute: Callable[[], T],
    ttl: float = 60,
    stale: float = 3600,
    *,
    alias: str = "default",
    jitter: float = 0.1,
    lock: float = 30,
) -> T:
    """The value under a key, computed by one caller at a time.

    Args:
        key: in the cache `alias`.
        compute: makes the value, which can be pickled.
        ttl: seconds the value is fresh; `jitter` shortens it by up to that part, so that keys do not expire together.
        stale: seconds beyond those in which the old value is given while one caller computes a new one.
        lock: seconds after which a caller who computes is given up.

    Returns:
        The fresh value; the old one while another caller computes, or when computing fails. With no cache that answers,
        it is computed at once.

    Raises:
        Exception: whatever `compute` raises while there is no old value.
    """
    cache, busy = caches[alias], f"{key}:computing"
    held = _read(cache, key)
    if held is not None and time.time() < held[1]:
        return held[0]  # type: ignore[no-any-return]
    if not _add(cache, busy, lock):
        if held is not None:
            return held[0]  # type: ignore[no-any-return]
        held = _awaited(cache, key, busy, min(WAIT, lock))
        if held is not None:
            return held[0]  # type: ignore[no-any-return]
    try:
        value = compute()
    except Exception:
        if held is None:
            _forget(cache, busy)
            raise
        # The lock stays: the next try comes when it ends, not with every request.
        log.exception("computing %s failed: the old value is given", key)
        return held[0]  # type: ignore[no-any-return]
    fresh = ttl * (1 - random.uniform(0, jitter))  # noqa: S311 (spreads expiry, guards nothing)
    _write(cache, key, (value, time.time() + fresh), ttl + stale)
    _forget(cache, busy)
    return value


def forget(key: str, *, alias: str = "default") -> None:
    """Compute the value anew at the next call; nobody gets the old one."""
    _forget(caches[alias], key)


def _awaited(cache: Any, key: str, busy: str, seconds: float) -> tuple[Any, float] | None:
    """What the caller who computes has stored; None when there is no such caller, or it takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # A lock that was neither given nor is there: the cache is away.
        held, locked = _read(cache, key), _raw(cache, busy)
        if held is not None or locked is None:
            return held if held is not None else _read(cache, key)
        time.sleep(LOOK)
    return None


def _read(cache: Any, key: str) -> tuple[Any, float] | None:
    held = _raw(cache, key)
    return held if isinstance(held, tuple) and len(held) == 2 else None


def _raw(cache: Any, key: str) -> Any:
    try:
        return cache.get(key)
    except Exception:  # noqa: BLE001 (any client's; it also covers values that a release before pickled)
        return None


def _add(cache: Any, key: str, seconds: float) -> bool:
    try:
        return bool(cache.add(key, 1, seconds))
    except Exception:  # noqa: BLE001
        return False


def _write(cache: Any, key: str, held: tuple[Any, float], seconds: float) -> None:
    try:
        cache.set(key, held, seconds)
    except Exception as error:  # noqa: BLE001
        log.warning("%s was not stored: %s", key, type(error).__name__)


def _forget(cache: Any, key: str) -> None:
    try:
        cache.delete(key)
    except Exception as error:  # noqa: BLE001
        log.warning("%s was not deleted: %s", key, type(error).__name__)
