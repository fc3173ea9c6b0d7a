# Managed by massive-deploy: edits are overwritten by the next up.
"""Keeps the reporting database: every shard's tables in a schema of the shard's name, and views over all of them.

With the model `pull` the tables are foreign ones, which ask the shard's cluster. With `push` they are copies that
follow by logical replication; the copy of a shard that has moved is made anew from its new home, unseen by readers.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import common_data  # type: ignore[import-not-found, unused-ignore]
import psycopg2
from common_data import connected, one, run
from psycopg2.extensions import parse_dsn
from psycopg2.sql import SQL, Composable, Identifier, Literal

EVERY = 3.0
ALL = "reporting"
"""Schema of the views."""

HERE = "SELECT name FROM massive.shard WHERE state = 'here' AND name = ANY (%s)"
COLUMNS = """
SELECT n.nspname, c.relname, string_agg(format('%%I %%s', a.attname, format_type(a.atttypid, a.atttypmod)), ', '
                                        ORDER BY a.attnum)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p') AND c.relname <> 'django_migrations'
   AND a.attnum > 0 AND NOT a.attisdropped
 GROUP BY 1, 2 ORDER BY 1, 2
"""
THERE = """
SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'f') ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Settings:
    """The configuration file. `clusters` are connections by number, `aggregates` SQL over one shard's tables."""

    model: str
    here: str
    readers: str
    shards: Sequence[str]
    clusters: Mapping[str, str]
    aggregates: Mapping[str, str]


def main() -> None:
    """Look every few seconds, on whichever node leads."""
    settings = Settings(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    homes: dict[str, str] = {}
    errors: dict[str, int] = {}
    said = ""
    while True:
        trouble = ""
        try:
            look(settings, homes, errors)
        except (psycopg2.Error, OSError) as error:
            trouble = " ".join(str(error).split())
        if trouble and trouble != said:
            sys.stderr.write(f"not brought up to date: {trouble}\n")
        said = trouble
        time.sleep(EVERY)


def look(settings: Settings, homes: dict[str, str], errors: dict[str, int]) -> None:
    """One look, and what has to be done. `homes` remembers each shard's cluster: on its way it has none."""
    with connected(settings.here) as here:
        if one(here, "SELECT pg_is_in_recovery()")[0]:
            return
        columns: dict[str, list[Any]] = {}
        for number, words in settings.clusters.items():
            with connected(words) as cluster, cluster.cursor() as cursor:
                cursor.execute(HERE, (settings.shards,))
                found = [name for (name,) in cursor.fetchall()]
                homes.update(dict.fromkeys(found, number))
                cursor.execute(COLUMNS, (found,))
                for shard, *table in cursor.fetchall():
                    columns.setdefault(shard, []).append(table)
        known = [shard for shard in settings.shards if shard in homes]
        if settings.model == "pull":
            pull(settings, here, {shard: homes[shard] for shard in known}, columns)
        else:
            push(settings, here, {shard: homes[shard] for shard in known}, errors)


def pull(settings: Settings, here: Any, homes: Mapping[str, str], columns: Mapping[str, list[Any]]) -> None:
    """Foreign tables where the shard is now; all of them anew when any of them has another form."""
    options = {shard: sorted(remote(settings.clusters[number]).items()) for shard, number in homes.items()}
    whole = len(columns) == len(homes)
    wanted = hashlib.sha256(repr((sorted(homes), columns, sorted(settings.aggregates.items()))).encode()).hexdigest()
    marked = one(here, "SELECT obj_description(to_regnamespace(%s), 'pg_namespace')", ALL)[0]
    here.autocommit = False
    run(here, "SET LOCAL lock_timeout = '2s'")
    if whole and marked != wanted:
        follow_nobody(here)
        drop_views(settings, here)
        for shard, pairs in options.items():
            make_foreign(settings, here, shard, pairs)
        make_views(settings, here)
        run(here, SQL("COMMENT ON SCHEMA {} IS {}").format(Identifier(ALL), Literal(wanted)))
        sys.stderr.write(f"made anew: {', '.join(options)}\n")
    else:
        for shard, pairs in options.items():
            have = one(here, "SELECT srvoptions FROM pg_foreign_server WHERE srvname = %s", shard)
            if have and sorted(have[0]) != sorted(f"{name}={value}" for name, value in pairs):
                point(here, shard, pairs, have[0])
    here.commit()
    for words in settings.clusters.values():
        with connected(words) as cluster:
            drop_slots(cluster, [])


def follow_nobody(here: Any) -> None:
    """Copies that were pushed are none any more."""
    with here.cursor() as cursor:
        cursor.execute("SELECT subname FROM pg_subscription WHERE starts_with(subname, 'massive_report_')")
        for (name,) in cursor.fetchall():
            for change in ("ALTER SUBSCRIPTION {} DISABLE", "ALTER SUBSCRIPTION {} SET (slot_name = NONE)"):
                cursor.execute(SQL(change).format(Identifier(name)))
            cursor.execute(SQL("DROP SUBSCRIPTION {}").format(Identifier(name)))


def remote(words: str) -> dict[str, str]:
    """Options of a foreign server, of a connection string. Reports are read from replicas where there are any."""
    given = {name: value for name, value in parse_dsn(words).items() if name != "user"}
    return {**given, "target_session_attrs": "prefer-standby", "async_capable": "true", "fetch_size": "10000"}


def make_foreign(settings: Settings, here: Any, shard: str, pairs: Sequence[tuple[str, str]]) -> None:
    """A shard's server and its tables, in place of what there was."""
    name, user = Identifier(shard), Literal(parse_dsn(next(iter(settings.clusters.values())))["user"])
    clear(here, shard)
    listed = SQL(", ").join(SQL("{} {}").format(Identifier(key), Literal(value)) for key, value in pairs)
    run(here, SQL("CREATE SERVER {} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({})").format(name, listed))
    for reader in (settings.readers, "postgres"):
        mapped = "CREATE USER MAPPING FOR {} SERVER {} OPTIONS (user {}, password_required 'false')"
        run(here, SQL(mapped).format(Identifier(reader), name, user))
    run(here, SQL("CREATE SCHEMA {}").format(name))
    run(here, SQL("IMPORT FOREIGN SCHEMA {0} EXCEPT (django_migrations) FROM SERVER {0} INTO {0}").format(name))
    grant(here, shard, settings.readers)


def point(here: Any, shard: str, pairs: Sequence[tuple[str, str]], have: Sequence[str]) -> None:
    """To the cluster where the shard is now."""
    there = {one.partition("=")[0] for one in have}
    words = [
        SQL("{} {} {}").format(SQL("SET" if key in there else "ADD"), Identifier(key), Literal(value))
        for key, value in pairs
    ]
    words += [SQL("DROP {}").format(Identifier(key)) for key in sorted(there - {key for key, _ in pairs})]
    run(here, SQL("ALTER SERVER {} OPTIONS ({})").format(Identifier(shard), SQL(", ").join(words)))
    sys.stderr.write(f"{shard} is asked elsewhere now\n")


def push(settings: Settings, here: Any, homes: Mapping[str, str], errors: dict[str, int]) -> None:
    """A copy of each shard, from where it is now."""
    for number in sorted(set(homes.values())):
        with connected(settings.clusters[number]) as cluster:
            run(cluster, "SELECT massive.publish_reports()")
    for shard, number in homes.items():
        link = f"massive_report_{shard}_{number}"
        settled = common_data.Settings(
            publisher=settings.clusters[number],
            here=settings.here,
            link=link,
            readers=settings.readers,
            publication=f"massive_report_{shard}",
            others=tuple(f"massive_report_{shard}_{other}" for other in settings.clusters if other != number),
            label=f"massive-deploy: a copy of {shard}",
            before=partial(make_room, settings, shard),
            after=partial(make_views, settings),
        )
        errors[link] = common_data.look(settled, errors.get(link, 0))
    for number, words in settings.clusters.items():
        wanted = [f"massive_report_{shard}_{home}" for shard, home in homes.items() if home == number]
        with connected(words) as cluster:
            drop_slots(cluster, wanted)
    remake_views(settings, here)


def make_room(settings: Settings, shard: str, here: Any) -> None:
    """For a shard's copy: views go, and foreign tables of that name."""
    drop_views(settings, here)
    if one(here, "SELECT 1 FROM pg_foreign_server WHERE srvname = %s", shard):
        clear(here, shard)


def clear(here: Any, shard: str) -> None:
    """A shard's tables and server go. What others have built on them stays, and keeps them."""
    with here.cursor() as cursor:
        cursor.execute(THERE, ([shard],))
        for schema, table, relkind in cursor.fetchall():
            kind = "FOREIGN TABLE" if relkind == "f" else "TABLE"
            cursor.execute(SQL("DROP {} {}").format(SQL(kind), Identifier(schema, table)))
    run(here, SQL("DROP SERVER IF EXISTS {} CASCADE").format(Identifier(shard)))
    run(here, SQL("DROP SCHEMA IF EXISTS {}").format(Identifier(shard)))


def drop_slots(cluster: Any, wanted: Sequence[str]) -> None:
    """Those of copies that follow another cluster now."""
    with cluster.cursor() as cursor:
        cursor.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE starts_with(slot_name, 'massive_report_') AND NOT active AND slot_name <> ALL (%s)",
            (list(wanted),),
        )


def remake_views(settings: Settings, here: Any) -> None:
    """When other aggregates are wanted."""
    wanted = hashlib.sha256(repr(sorted(settings.aggregates.items())).encode()).hexdigest()
    if one(here, "SELECT obj_description(to_regnamespace(%s), 'pg_namespace')", ALL)[0] == wanted:
        return
    here.autocommit = False
    drop_views(settings, here)
    make_views(settings, here)
    run(here, SQL("COMMENT ON SCHEMA {} IS {}").format(Identifier(ALL), Literal(wanted)))
    here.commit()


def drop_views(settings: Settings, here: Any) -> None:
    """All of ours. Others' views over them keep them from going, and are named by the error."""
    with here.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, viewname FROM pg_views WHERE schemaname = ANY (%s) ORDER BY schemaname <> %s",
            ([ALL, *settings.shards], ALL),
        )
        for schema, view in cursor.fetchall():
            cursor.execute(SQL("DROP VIEW {}").format(Identifier(schema, view)))


def make_views(settings: Settings, here: Any) -> None:
    """For each table its rows in all shards with the shard's name, for each aggregate what every shard gives."""
    run(here, SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(ALL)))
    with here.cursor() as cursor:
        cursor.execute(THERE, (list(settings.shards),))
        places: dict[str, list[str]] = {}
        for shard, table, _ in cursor.fetchall():
            if table != "django_migrations":
                places.setdefault(table, []).append(shard)
        shards = sorted({shard for listed in places.values() for shard in listed})
        for name, query in settings.aggregates.items():
            for shard in shards:
                cursor.execute(SQL("SET LOCAL search_path = {}").format(Identifier(shard)))
                cursor.execute(SQL("CREATE VIEW {} AS ").format(Identifier(shard, name)) + SQL(query))
            places[name] = shards
        cursor.execute("SET LOCAL search_path = pg_catalog")
        for name, listed in places.items():
            # A constant beside an aggregate would keep the clusters from being asked at the same time.
            words = "SELECT t.* FROM {1} t" if name in settings.aggregates else "SELECT {0} AS shard, t.* FROM {1} t"
            rows: list[Composable] = [SQL(words).format(Literal(shard), Identifier(shard, name)) for shard in listed]
            body = SQL(" UNION ALL ").join(rows)
            cursor.execute(SQL("CREATE VIEW {} AS ").format(Identifier(ALL, name)) + body)
    for schema in (ALL, *shards):
        grant(here, schema, settings.readers)


def grant(here: Any, schema: str, readers: str) -> None:
    run(here, SQL("GRANT USAGE ON SCHEMA {} TO {}").format(Identifier(schema), Identifier(readers)))
    run(here, SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(Identifier(schema), Identifier(readers)))


if __name__ == "__main__":
    main()
