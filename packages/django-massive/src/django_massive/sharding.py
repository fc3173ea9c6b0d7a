"""Which logical shard a key belongs to, and which one the running code works on.

Nothing is guessed: a sharded table that is read or written while no shard is chosen raises ShardNotSet.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_massive.conf import setting

Key = int | str | UUID
_chosen: ContextVar[int | None] = ContextVar("django_massive_shard", default=None)


class ShardNotSet(RuntimeError):
    """Rows of a sharded application were wanted, and nobody said of which shard."""


@dataclass(frozen=True, slots=True)
class Sharding:
    """MASSIVE_SHARDS as a value: `count` logical shards, ids whose time begins with the year `epoch`, labels of `apps`.

    `common` are labels of applications of which every shard can read a copy.
    `bounds` are the first keys of all shards but the first (strategy "range"); `directory` is the dotted name of a
    function from a key to a shard's number, or None for the key's hash (strategy "directory").
    """

    count: int
    strategy: str = "hash"
    bounds: tuple[int, ...] = ()
    epoch: int = 2026
    apps: frozenset[str] = frozenset()
    common: frozenset[str] = frozenset()
    directory: str = ""


def sharding() -> Sharding | None:
    """What the settings say; None for a project whose tables are not sharded."""
    given: dict[str, Any] = setting("SHARDS", default={})
    if not given.get("COUNT"):
        return None
    return Sharding(
        count=given["COUNT"],
        strategy=given.get("STRATEGY", "hash"),
        bounds=tuple(given.get("BOUNDS", ())),
        epoch=given.get("EPOCH", 2026),
        apps=frozenset(given.get("APPS", ())),
        common=frozenset(given.get("COMMON", ())),
        directory=given.get("DIRECTORY", ""),
    )


def alias(number: int) -> str:
    """Django's database alias of a logical shard's leader."""
    return f"shard{number:04d}"


def aliases() -> list[str]:
    """Those of all logical shards, in their order; empty for a project whose tables are not sharded."""
    known = sharding()
    return [alias(number) for number in range(known.count)] if known else []


def number_of(name: str) -> int | None:
    """The logical shard of an alias of its leader or replicas; None for other databases."""
    digits = name.removesuffix("_replica").removeprefix("shard")
    return int(digits) if len(digits) == 4 and digits.isdigit() and name.startswith("shard") else None


def shard_of(key: Key) -> int:
    """The shard of a key: the same in every process, on every host, for ever.

    7 and "7" are one key: what came by a URL finds the rows of what came from a form.

    Raises:
        ImproperlyConfigured: the project is not sharded, or its directory is not there.
        TypeError: the key is neither number, text nor UUID, or a range is asked for something else than a number.
        ValueError: the directory names a shard there is none of.
    """
    known = sharding()
    if known is None:
        raise ImproperlyConfigured("MASSIVE_SHARDS is not set: there are no shards to look for a key in")
    if isinstance(key, bool) or not isinstance(key, int | str | UUID):
        raise TypeError(f"a key is a number, a text or a UUID, not {type(key).__name__}")
    if known.strategy == "range":
        return bisect_right(known.bounds, int(str(key)))
    if known.strategy == "directory" and (listed := _directory(known)(key)) is not None:
        if not 0 <= listed < known.count:
            raise ValueError(f"the directory has shard {listed} for {key!r}; there are {known.count}")
        return listed
    digest = hashlib.blake2b(str(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % known.count


def _directory(known: Sharding) -> Callable[[Key], int | None]:
    if not known.directory:
        raise ImproperlyConfigured('MASSIVE_SHARDS["DIRECTORY"] must name a function from a key to a shard, or None')
    found: Callable[[Key], int | None] = import_string(known.directory)
    return found


def chosen() -> int:
    """The shard that was chosen.

    Raises:
        ShardNotSet: none was.
    """
    number = _chosen.get()
    if number is None:
        raise ShardNotSet("no shard is chosen: `with shard_for(key):`, `with shard(number):` or .using(alias(number))")
    return number


def database_for(key: Key) -> str:
    """Alias of the leader that has a key's rows: of its shard, or `default` in a project that is not sharded."""
    return alias(shard_of(key)) if sharding() else "default"


def chosen_or_none() -> int | None:
    """The shard that was chosen; None if none was."""
    return _chosen.get()


@contextmanager
def shard(number: int) -> Iterator[int]:
    """Everything sharded that is read or written within is of this shard; outer choices come back after it.

    Raises:
        ValueError: there is no such shard.
    """
    known = sharding()
    if known is None or not 0 <= number < known.count:
        raise ValueError(f"there is no shard {number}")
    token = _chosen.set(number)
    try:
        yield number
    finally:
        _chosen.reset(token)


@contextmanager
def shard_for(key: Key) -> Iterator[int]:
    """The same by a key. In a project that is not sharded it changes nothing, and gives 0."""
    if sharding() is None:
        yield 0
        return
    with shard(shard_of(key)) as number:
        yield number
