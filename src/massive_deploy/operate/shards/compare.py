"""Whether two copies of a shard that is written hold the same rows, without stopping anybody.

Rows are counted and hashed in buckets by their primary key on both sides. A bucket that differs may only have changed
between two looks: it is looked at again until it is equal, or stays different.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from massive_deploy.operate.shards.words import identifier, literal

if TYPE_CHECKING:
    from massive_deploy.operate.shards.side import Side

BUCKETS = 256
LOOKS = 12
PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class Compared:
    """A table: its rows at the source, and the buckets (0 to 255) that stay different."""

    table: str
    rows: int
    different: tuple[int, ...] = ()


def keys(shard: str, table: str) -> str:
    """The columns that tell rows apart: those of the primary key, else all."""
    oid = f"to_regclass({literal(f'{identifier(shard)}.{identifier(table)}')})"
    return f"""
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = {oid} AND a.attnum > 0 AND NOT a.attisdropped
           AND (a.attnum = ANY (SELECT unnest(i.indkey) FROM pg_index i WHERE i.indrelid = {oid} AND i.indisprimary)
                OR NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = {oid} AND i.indisprimary))
    """


def buckets(shard: str, table: str, key: str, only: Collection[int] = ()) -> str:
    """Rows `bucket|count|hash` of a table, of all buckets or only these; `key` is columns, quoted."""
    bucket = f"hashtextextended(ROW({key})::text, 0) & {BUCKETS - 1}"
    where = f"WHERE {bucket} IN ({', '.join(map(str, only))})" if only else ""
    return f"""
        SELECT {bucket}, count(*), sum(hashtextextended(t::text, 0)::numeric)
          FROM {identifier(shard)}.{identifier(table)} t {where} GROUP BY 1
    """


def compare(shard: str, table: str, source: Side, target: Side) -> Compared:
    """Look at both sides until every bucket was equal once, twelve times at most; the target is looked at second."""
    (row,) = source.ask(keys(shard, table), step="verify")
    rows, open_now = 0, set[int]()
    for look in range(LOOKS):
        sql = buckets(shard, table, row[0], sorted(open_now))
        one = _read(source.ask(sql, step="verify", seconds=3600))
        if not look:
            rows = sum(count for count, _ in one.values())
        other = _read(target.ask(sql, step="verify", seconds=3600))
        open_now = {number for number in one.keys() | other.keys() if one.get(number) != other.get(number)}
        if not open_now:
            break
        time.sleep(PAUSE)
    return Compared(table, rows, tuple(sorted(open_now)))


def _read(found: list[list[str]]) -> dict[int, tuple[int, str]]:
    return {int(bucket): (int(count), digest) for bucket, count, digest in found}
