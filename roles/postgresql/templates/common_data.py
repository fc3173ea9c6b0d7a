# Managed by massive-deploy: edits are overwritten by the next up.
"""Keeps this cluster's copy of the common data: tables that the first cluster publishes, read here and written there.

Changes arrive by logical replication. It cannot bring what happens to the tables themselves, and loses its place when
the publishing cluster changes its leader. Then the copy is made anew: from one snapshot, in one transaction, so that
readers see the old copy until the new one is whole.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extras import LogicalReplicationConnection
from psycopg2.sql import SQL, Identifier, Literal

EVERY = 3.0
LABEL = "massive-deploy: a copy of common data"
IN_MEMORY = 16 * 1024 * 1024

# What a copy looks like: whatever of it changes, the copy is made anew.
DEFINITIONS = """
SELECT p.schemaname, format('%%I.%%I', p.schemaname, p.tablename),
       (SELECT string_agg(format('%%I %%s%%s%%s%%s', a.attname, format_type(a.atttypid, a.atttypmod),
                                 (SELECT format(' COLLATE %%s', a.attcollation::regcollation) FROM pg_type t
                                   WHERE t.oid = a.atttypid AND a.attcollation NOT IN (0, t.typcollation)),
                                 CASE a.attgenerated WHEN 's' THEN format(' GENERATED ALWAYS AS (%%s) STORED',
                                      (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
                                        WHERE (d.adrelid, d.adnum) = (c.oid, a.attnum))) ELSE '' END,
                                 CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT string_agg(format('%%I', a.attname), ', ' ORDER BY a.attnum)
          FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
       (SELECT array_agg(format('ALTER TABLE %%I.%%I ADD CONSTRAINT %%I %%s', p.schemaname, p.tablename, k.conname,
                                pg_get_constraintdef(k.oid)) ORDER BY k.contype, k.conname)
          FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u')),
       (SELECT array_agg(pg_get_indexdef(i.indexrelid) ORDER BY i.indexrelid::regclass::text)
          FROM pg_index i WHERE i.indrelid = c.oid
           AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u')))
  FROM pg_publication_tables p
  JOIN pg_class c ON c.oid = to_regclass(format('%%I.%%I', p.schemaname, p.tablename))
 WHERE p.pubname = %s ORDER BY 1, 2
"""
HERE = """
SELECT s.subconninfo, obj_description(s.oid, 'pg_subscription'),
       coalesce((SELECT apply_error_count FROM pg_stat_subscription_stats e WHERE e.subid = s.oid), 0), s.subenabled
  FROM pg_subscription s WHERE s.subname = %s
"""
SLOT = "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND coalesce(wal_status, '') <> 'lost'"
COPIES = """
SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND obj_description(c.oid, 'pg_class') = %s
"""


@dataclass(frozen=True)
class Table:
    """A published table, as the SQL that makes it. `name` is quoted and has its schema in front."""

    schema: str
    name: str
    columns: str
    copied: str
    constraints: tuple[str, ...]
    indexes: tuple[str, ...]


def _nothing(here: Any) -> None:
    """Nothing depends on the copies."""


@dataclass(frozen=True)
class Settings:
    """Connections to the publisher and to this node; `link` names subscription and slot, `readers` a role.

    `others` are links by which the same copy followed another cluster. `label` marks the copy's tables. What depends on
    them is taken away `before` they are made anew, and made again `after` it.
    """

    publisher: str
    here: str
    link: str
    readers: str
    publication: str = "massive_common"
    others: tuple[str, ...] = ()
    label: str = LABEL
    before: Callable[[Any], None] = _nothing
    after: Callable[[Any], None] = _nothing


def main() -> None:
    """Look every few seconds, on whichever node leads."""
    parser = argparse.ArgumentParser()
    for name in ("publisher", "here", "link", "readers"):
        parser.add_argument(f"--{name}", required=True)
    settings = Settings(**vars(parser.parse_args()))
    errors, said = 0, ""
    while True:
        trouble = ""
        try:
            errors = look(settings, errors)
        except (psycopg2.Error, OSError) as error:
            trouble = " ".join(str(error).split())
        if trouble and trouble != said:
            sys.stderr.write(f"the copy is not brought up to date: {trouble}\n")
        said = trouble
        time.sleep(EVERY)


def look(settings: Settings, errors: int) -> int:
    """One look, and what has to be done. Takes and gives how often changes could not be applied so far."""
    with connected(settings.here) as here:
        if one(here, "SELECT pg_is_in_recovery()")[0]:
            return 0
        found = one(here, HERE, settings.link)
        with connected(settings.publisher) as publisher:
            tables = definitions(publisher, settings.publication)
            kept = one(publisher, SLOT, settings.link) is not None
        if not tables and found is None:
            return 0
        if found is None:
            anew(settings, here, alike=False)
            return 0
        connection, marked, failed, enabled = found
        if connection != settings.publisher:
            name = Identifier(settings.link)
            run(here, SQL("ALTER SUBSCRIPTION {} CONNECTION {}").format(name, Literal(settings.publisher)))
        alike = marked == mark(tables)
        if alike and kept and enabled and not failed > errors > 0:
            return int(failed)
        anew(settings, here, alike=alike)
        return 0


def anew(settings: Settings, here: Any, *, alike: bool) -> None:
    """Make the copy from a snapshot of the publisher where replication begins as well."""
    for link in (settings.link, *settings.others):
        if one(here, HERE, link) is not None:
            run(here, SQL("ALTER SUBSCRIPTION {} DISABLE").format(Identifier(link)))
    with connected(settings.publisher) as publisher:
        give_up_slot(publisher, settings.link)
    with (
        closing(psycopg2.connect(settings.publisher, connection_factory=LogicalReplicationConnection)) as keeper,
        ExitStack() as files,
    ):
        with keeper.cursor() as cursor:
            cursor.create_replication_slot(settings.link, output_plugin="pgoutput")
            snapshot = cursor.fetchone()[2]
        with connected(settings.publisher) as publisher, publisher.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET TRANSACTION SNAPSHOT %s", (snapshot,))
            tables = definitions(publisher, settings.publication)
            rows = [files.enter_context(tempfile.SpooledTemporaryFile(IN_MEMORY)) for _ in tables]
            for table, file in zip(tables, rows, strict=True):
                cursor.copy_expert(f"COPY (SELECT {table.copied} FROM {table.name}) TO STDOUT", file)
                file.seek(0)
        here.autocommit = False
        unsubscribe(settings, here)
        kept = alike and emptied(settings, here, tables)
        if not kept:
            settings.before(here)
            make(settings, here, tables)
        with here.cursor() as cursor:
            for table, file in zip(tables, rows, strict=True):
                cursor.copy_expert(f"COPY {table.name} ({table.copied}) FROM STDIN", file)
                cursor.execute(f"ANALYZE {table.name}")
        if tables:
            subscribe(settings, here, tables)
        if not kept:
            settings.after(here)
        here.commit()
    if not tables:
        with connected(settings.publisher) as publisher:
            give_up_slot(publisher, settings.link)
    sys.stderr.write(f"the copy was made anew: {', '.join(table.name for table in tables)}\n")


def unsubscribe(settings: Settings, here: Any) -> None:
    """In the transaction that is open, as all that follows: replication as it was ends."""
    run(here, "SET LOCAL lock_timeout = '1s'")
    for link in (settings.link, *settings.others):
        if one(here, HERE, link) is not None:
            run(here, SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(Identifier(link)))
            run(here, SQL("DROP SUBSCRIPTION {}").format(Identifier(link)))


def emptied(settings: Settings, here: Any, tables: list[Table]) -> bool:
    """Delete the rows of copies that keep their form, which holds up no reader. False if they are not all there."""
    with here.cursor() as cursor:
        cursor.execute(COPIES, (settings.label,))
        if sorted(name for (name,) in cursor.fetchall()) != sorted(table.name for table in tables):
            return False
        for table in tables:
            cursor.execute(f"DELETE FROM {table.name}")
    return True


def make(settings: Settings, here: Any, tables: list[Table]) -> None:
    """Empty copies in place of those there were. A table that is none of ours is left, and everything fails."""
    with here.cursor() as cursor:
        cursor.execute(COPIES, (settings.label,))
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {name}")
        for table in tables:
            schema, readers = Identifier(table.schema), Identifier(settings.readers)
            cursor.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
            cursor.execute(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, readers))
            cursor.execute(f"CREATE TABLE {table.name} ({table.columns})")
            for statement in (*table.constraints, *table.indexes):
                cursor.execute(statement)
            cursor.execute(SQL("COMMENT ON TABLE {} IS {}").format(SQL(table.name), Literal(settings.label)))
            cursor.execute(SQL("GRANT SELECT ON {} TO {}").format(SQL(table.name), readers))


def subscribe(settings: Settings, here: Any, tables: list[Table]) -> None:
    """Follow the publisher from where the snapshot was taken."""
    name = Identifier(settings.link)
    made = "CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH (create_slot = false, copy_data = false)"
    run(here, SQL(made).format(name, Literal(settings.publisher), Identifier(settings.publication)))
    run(here, SQL("COMMENT ON SUBSCRIPTION {} IS {}").format(name, Literal(mark(tables))))


def give_up_slot(publisher: Any, link: str) -> None:
    """Drop what keeps the publisher's log for the old copy, if it is there."""
    asked = "SELECT slot_name, active_pid FROM pg_replication_slots WHERE slot_name = %s"
    for _ in range(20):
        found = one(publisher, asked, link)
        if found is None:
            return
        if found[1] is None:
            run(publisher, SQL("SELECT pg_drop_replication_slot({})").format(Literal(link)))
            return
        run(publisher, SQL("SELECT pg_terminate_backend({})").format(Literal(found[1])))
        time.sleep(0.25)


def definitions(publisher: Any, publication: str) -> list[Table]:
    """What is published now."""
    with publisher.cursor() as cursor:
        cursor.execute(DEFINITIONS, (publication,))
        rows = cursor.fetchall()
    return [
        Table(schema, name, columns, copied, tuple(constraints or ()), tuple(indexes or ()))
        for schema, name, columns, copied, constraints, indexes in rows
    ]


def mark(tables: list[Table]) -> str:
    """By which it is seen that the copy has another form than what is published."""
    return hashlib.sha256(repr(tables).encode()).hexdigest()


@contextmanager
def connected(words: str) -> Iterator[Any]:
    with closing(psycopg2.connect(words)) as connection:
        connection.autocommit = True
        yield connection


def one(connection: Any, query: str, *words: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, words or None)
        return cursor.fetchone()


def run(connection: Any, statement: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


if __name__ == "__main__":
    main()
