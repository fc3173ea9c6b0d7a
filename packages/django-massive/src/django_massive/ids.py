"""64-bit ids that hold their time and their shard: unique over all shards, made in the database, in order of time.

    41 bits  milliseconds since the epoch's year began
    13 bits  shard, 0 to 8191
    10 bits  a number of the shard's sequence

PostgreSQL's bigint has a sign: ids last until 2^40 ms after the epoch, 34.8 years. A shard has 1024 ids in a
millisecond, each given once: who wants more at once gets those of the milliseconds to come. A clock that was set back
changes nothing: ids go on from the last one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models.expressions import Func

from django_massive.sharding import number_of, sharding

SEQUENCE_BITS, SHARD_BITS = 10, 13
SHARDS, SEQUENCE = 1 << SHARD_BITS, 1 << SEQUENCE_BITS
LIFETIME_MS = 1 << 40
EPOCH = 2026

# The sequence counts 1024ths of milliseconds. Whoever finds it behind the clock moves it on, one at a time: the lock is
# taken and given back within one expression, where nothing interrupts.
_SQL = """
CREATE SEQUENCE IF NOT EXISTS {schema}.massive_id;
CREATE OR REPLACE FUNCTION {schema}.massive_next_id() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
    one CONSTANT int := '{schema}.massive_id'::regclass::oid::bigint % 2147483647;
    clock CONSTANT bigint := (floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - {start}) << {low};
    taken bigint;
    locked text;
    freed boolean;
BEGIN
    SELECT pg_advisory_lock({key}, one),
           CASE WHEN nextval('{schema}.massive_id') >= clock THEN currval('{schema}.massive_id')
                ELSE setval('{schema}.massive_id', clock) END,
           pg_advisory_unlock({key}, one)
      INTO locked, taken, freed;
    RETURN ((taken >> {low}) << {high}) | ({shard}::bigint << {low}) | (taken & {most});
END
$body$;
"""
_KEY = 0x6D617373


def start_of(epoch: int) -> int:
    """Milliseconds since 1970 at which that year begins (UTC)."""
    return int(datetime(epoch, 1, 1, tzinfo=UTC).timestamp() * 1000)


def compose(at_ms: int, shard: int, sequence: int, epoch: int) -> int:
    """An id of a moment (milliseconds since 1970), a shard and a sequence's number, of which the low bits count.

    Raises:
        ValueError: the moment is before the epoch or after its 34 years, or the shard is above 8191.
    """
    since = at_ms - start_of(epoch)
    if not 0 <= since < LIFETIME_MS or not 0 <= shard < SHARDS:
        raise ValueError(f"no id for {at_ms} ms, shard {shard}, epoch {epoch}")
    return since << (SHARD_BITS + SEQUENCE_BITS) | shard << SEQUENCE_BITS | sequence % SEQUENCE


def shard_in(number: int) -> int:
    """The shard within an id."""
    return number >> SEQUENCE_BITS & (SHARDS - 1)


def time_in(number: int, epoch: int) -> datetime:
    """When an id was made, to the millisecond."""
    since = number >> (SHARD_BITS + SEQUENCE_BITS)
    return datetime.fromtimestamp((start_of(epoch) + since) / 1000, tz=UTC)


def statements(schema: str, shard: int, epoch: int) -> str:
    """SQL that makes massive_next_id() and its sequence in a schema; `schema` is quoted already."""
    return _SQL.format(
        schema=schema,
        shard=shard,
        start=start_of(epoch),
        high=SHARD_BITS + SEQUENCE_BITS,
        low=SEQUENCE_BITS,
        most=SEQUENCE - 1,
        key=_KEY,
    )


def _install(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001 (Django's signature)
    connection = editor.connection
    if connection.vendor != "postgresql":
        return
    known = sharding()
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
    epoch = known.epoch if known else EPOCH
    editor.execute(statements(schema, number_of(connection.alias) or 0, epoch), params=None)


class InstallIds(migrations.RunPython):
    """First operation of a migration whose tables have such ids. Where tables are not sharded, the shard is 0."""

    def __init__(self) -> None:
        super().__init__(_install, migrations.RunPython.noop)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Django's hook."""
        return (self.__class__.__name__, [], {})


class NextId(Func):
    """For `models.BigIntegerField(primary_key=True, db_default=NextId())`: the database makes the id (Django 5.0)."""

    function = "massive_next_id"
    template = "%(function)s()"
    output_field = models.BigIntegerField()
