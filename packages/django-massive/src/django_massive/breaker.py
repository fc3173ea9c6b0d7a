"""A circuit breaker: after failures, a server is left alone for a while instead of being waited for again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Closed: everything passes. Open: nothing does. After the pause one caller tries, the others still do not.

    Args:
        failures: so many in a row open it.
        pause: seconds it stays open.
        clock: seconds that only go forward.
    """

    def __init__(self, failures: int = 1, pause: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = max(1, failures)
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._closed_at = 0.0

    def allows(self) -> bool:
        """Whether the caller may try. The first one after a pause may; it starts the next pause for the others."""
        if self._failed < self._limit:
            return True
        with self._lock:
            now = self._clock()
            if self._failed >= self._limit and now < self._closed_at:
                return False
            self._closed_at = now + self._pause
            return True

    def succeeded(self) -> None:
        """The server answered."""
        if self._failed:
            self._failed = 0

    def failed(self) -> None:
        """The server did not answer."""
        with self._lock:
            self._failed += 1
            if self._failed >= self._limit:
                self._closed_at = self._clock() + self._pause
