"""Positions in PostgreSQL's log, as bytes: what a leader has written, and what all its replicas have replayed."""

from __future__ import annotations

import logging
import re
import threading
import time
import zlib
from dataclasses import dataclass, field

from django.db import DatabaseError, connections

log = logging.getLogger(__name__)

PERIOD = 0.25
"""Seconds for which a process takes the replicas' position as it was."""
AGAIN = 5.0
"""Seconds after which a leader that did not say is asked again."""
WRITTEN = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, current_setting('cluster_name')"
REPLAYED = "select massive.replayed(), current_setting('cluster_name')"
_FORM = re.compile(r"([0-9a-f]{1,16})-([0-9a-f]{1,8})")


@dataclass(frozen=True, slots=True)
class Position:
    """Bytes of a cluster's log. Another cluster's say nothing about it: a shard may have moved meanwhile."""

    number: int
    cluster: int

    def __str__(self) -> str:
        """As `parsed` reads it."""
        return f"{self.number:x}-{self.cluster:x}"

    def covers(self, other: Position) -> bool:
        """Whether who is here has everything up to the other one."""
        return self.cluster == other.cluster and self.number >= other.number


def parsed(text: str) -> Position | None:
    """What `str` made of a position; None for anything else."""
    found = _FORM.fullmatch(text)
    return Position(int(found[1], 16), int(found[2], 16)) if found else None


@dataclass(slots=True)
class _Seen:
    position: Position | None = None
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


_seen: dict[str, _Seen] = {}


def written(alias: str) -> Position | None:
    """The leader's position now, behind everything that is committed; None where it cannot be known."""
    return _ask(alias, WRITTEN)


def replayed(alias: str, position: Position) -> bool:
    """Whether every replica of a leader's alias has what was written up to a position.

    One of a process asks, those that come meanwhile take it that they have not.
    """
    seen = _seen.setdefault(alias, _Seen())
    if time.monotonic() >= seen.until:
        if not seen.lock.acquire(blocking=False):
            return False
        try:
            seen.position = _ask(alias, REPLAYED)
            seen.until = time.monotonic() + (AGAIN if seen.position is None else PERIOD)
        finally:
            seen.lock.release()
    return seen.position is not None and seen.position.covers(position)


def _ask(alias: str, question: str) -> Position | None:
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            number, cluster = cursor.fetchone()
    except DatabaseError as error:
        log.warning("the position of %s is not known: %s", alias, type(error).__name__)
        return None
    return None if number is None else Position(number, zlib.crc32(cluster.encode()))
