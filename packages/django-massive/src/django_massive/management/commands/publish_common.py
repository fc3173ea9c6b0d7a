"""`manage.py publish_common`: say which tables every database cluster has a copy of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.utils import CursorWrapper

from django_massive.sharding import sharding

PUBLICATION = "massive_common"


class Command(BaseCommand):
    """Publishes the tables of MASSIVE_SHARDS["COMMON"]; the clusters' own service fetches what is published."""

    help = "Publish the tables of the common applications from the default database to all clusters."

    def add_arguments(self, parser: CommandParser) -> None:
        """Django's hook."""
        parser.add_argument("--check", action="store_true", help="change nothing; fail if it is not published so")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Publish, once and for all that follows.

        Raises:
            CommandError: there are no shards, an application is not installed, or (with --check) it is not so.
        """
        known = sharding()
        if known is None:
            raise CommandError("MASSIVE_SHARDS is not set: there are no shards")
        wanted = sorted(_tables(known.common))
        with transaction.atomic(), connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            if _published(cursor) != wanted:
                if options["check"]:
                    raise CommandError(f"published: {_published(cursor)}, wanted: {wanted}")
                _publish(cursor, wanted)
        self.stdout.write(f"{len(wanted)} tables are published")


def _tables(labels: frozenset[str]) -> Iterator[str]:
    for label in labels:
        try:
            config = apps.get_app_config(label)
        except LookupError as error:
            raise CommandError(f'MASSIVE_SHARDS["COMMON"]: {error}') from error
        for model in config.get_models(include_auto_created=True):
            if model._meta.managed and not model._meta.proxy:
                yield model._meta.db_table


def _published(cursor: CursorWrapper) -> list[str]:
    cursor.execute("SELECT tablename FROM pg_publication_tables WHERE pubname = %s ORDER BY 1", [PUBLICATION])
    return [name for (name,) in cursor.fetchall()]


def _publish(cursor: CursorWrapper, tables: list[str]) -> None:
    if not tables:
        cursor.execute(f"DROP PUBLICATION IF EXISTS {PUBLICATION}")
        return
    listed = ", ".join(map(connections[DEFAULT_DB_ALIAS].ops.quote_name, tables))
    cursor.execute("SELECT FROM pg_publication WHERE pubname = %s", [PUBLICATION])
    said = f"ALTER PUBLICATION {PUBLICATION} SET" if cursor.fetchone() else f"CREATE PUBLICATION {PUBLICATION} FOR"
    cursor.execute(f"{said} TABLE {listed}")
    cursor.execute("SELECT quote_ident(current_database() || '_common')")
    cursor.execute(f"GRANT SELECT ON {listed} TO {cursor.fetchone()[0]}")
