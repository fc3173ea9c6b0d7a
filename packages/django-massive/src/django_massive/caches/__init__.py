"""Cache backends that fail fast: a dead or frozen server costs one short wait, and its errors count as misses."""

from __future__ import annotations

from functools import cached_property
from typing import Any

_clients: dict[str, Any] = {}


def given_options(params: dict[str, Any]) -> str:
    """A cache's OPTIONS as a word that is the same in every thread: their values are the settings' own objects."""
    return repr(sorted((params.get("OPTIONS") or {}).items()))


class OneClientPerProcess:
    """Share a backend's client, and what it learned of dead servers, between all threads of the process.

    Django makes a client for each thread. Under gevent every request is a thread of its own: each would connect anew,
    and wait for a dead server again.
    """

    _given = ""
    """The options of the project's settings: another database, for instance, is reached by another client."""

    @cached_property
    def _cache(self) -> Any:
        key = f"{type(self).__qualname__} {self._servers} {self._given}"  # type: ignore[attr-defined]
        if key not in _clients:
            _clients[key] = super()._cache  # type: ignore[misc]
        return _clients[key]

    def close(self, **kwargs: Any) -> None:
        """Keep the connections: Django calls this at the end of every request."""
