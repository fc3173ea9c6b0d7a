"""Logical shards on the node that leads: a schema and a role each, and a table that says what lives here."""

from __future__ import annotations

import shlex

from massive_deploy.desired import Guard, Task
from massive_deploy.topology.layout import Shard
from massive_deploy.view import HostView

from .settings import MOVER_ROLE
from .sql import CLIENT, identifier, literal, task

TABLE = "massive.shard"
"""The truth of what lives in a cluster, in the project's database. Maps elsewhere are hints."""
HERE = "here"
"""State of a shard that is read and written in this cluster."""


_FUNCTIONS = f"""
        CREATE OR REPLACE FUNCTION massive.fence() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN
            RAISE EXCEPTION 'shard % is not written here any more', TG_TABLE_SCHEMA USING ERRCODE = 'MD001';
        END
        $body$;
        CREATE OR REPLACE FUNCTION massive.no_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog AS $body$
        BEGIN
            IF EXISTS (
                SELECT FROM {TABLE} s WHERE s.peer IS NOT NULL
                   AND current_setting('role') = current_database() || '_' || s.name
            ) THEN
                RAISE EXCEPTION 'this shard is being moved: its tables cannot be changed now' USING ERRCODE = 'MD002';
            END IF;
        END
        $body$;
        CREATE OR REPLACE FUNCTION massive.publish_reports() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog AS $body$
        DECLARE
            shard text;
        BEGIN
            FOR shard IN
                SELECT s.name FROM {TABLE} s JOIN pg_namespace n ON n.nspname = s.name
                 WHERE s.state = '{HERE}' AND NOT EXISTS (
                       SELECT FROM pg_publication p JOIN pg_publication_namespace m ON m.pnpubid = p.oid
                        WHERE p.pubname = 'massive_report_' || s.name AND m.pnnspid = n.oid)
            LOOP
                EXECUTE format('DROP PUBLICATION IF EXISTS %I', 'massive_report_' || shard);
                EXECUTE format('CREATE PUBLICATION %I FOR TABLES IN SCHEMA %I', 'massive_report_' || shard, shard);
            END LOOP;
        END
        $body$;
        REVOKE ALL ON FUNCTION massive.publish_reports() FROM public;
        GRANT EXECUTE ON FUNCTION massive.publish_reports() TO {identifier(MOVER_ROLE)};
        SELECT 'CREATE EVENT TRIGGER massive_no_ddl ON ddl_command_start EXECUTE FUNCTION massive.no_ddl()'
         WHERE NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'massive_no_ddl') \\gexec
"""


def tasks(view: HostView) -> tuple[Task, ...]:
    """None where the topology has no logical shards. Every cluster has all roles; schemas are where their shard is."""
    if not view.layout.shards:
        return ()
    mine, layout = local(view), view.layout
    roles = array([layout.shard_role(shard.name) for shard in layout.shards])
    names, login = array([shard.name for shard in mine]), literal(layout.shards_role)
    query = f"""
        SELECT (SELECT count(*) FROM pg_auth_members m
                 WHERE m.roleid::regrole::text = ANY ({roles}) AND m.set_option AND NOT m.inherit_option
                   AND m.member = to_regrole({login})),
               (SELECT count(*) FROM pg_namespace n
                 WHERE n.nspname = ANY ({names})
                   AND pg_get_userbyid(n.nspowner) = {literal(layout.database)} || '_' || n.nspname),
               has_database_privilege({login}, current_database(), 'CONNECT'),
               has_database_privilege({literal(MOVER_ROLE)}, current_database(), 'CONNECT'),
               (SELECT count(*) FROM pg_event_trigger WHERE evtname = 'massive_no_ddl' AND evtenabled = 'O'),
               (SELECT count(*) FROM {TABLE} s WHERE s.name = ANY ({names})),
               has_function_privilege({literal(MOVER_ROLE)}, 'massive.publish_reports()', 'EXECUTE')
    """
    found = f"{len(layout.shards)}|{len(mine)}|t|t|1|{len(mine)}|t"
    return (task("logical shards", query, found, _statements(view, roles, names), database=layout.database),)


def _statements(view: HostView, roles: str, names: str) -> str:
    layout = view.layout
    login = layout.shards_role
    return f"""
        CREATE SCHEMA IF NOT EXISTS massive;
        CREATE TABLE IF NOT EXISTS {TABLE} (
            name text PRIMARY KEY, state text NOT NULL, peer int, since timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE TABLE IF NOT EXISTS massive.marker (
            shard text, origin int, at bigint NOT NULL, PRIMARY KEY (shard, origin)
        );
        {_FUNCTIONS}
        GRANT CONNECT ON DATABASE {identifier(layout.database)} TO {identifier(login)}, {identifier(MOVER_ROLE)};
        ALTER ROLE {identifier(login)} SET search_path = '';
        SELECT format('CREATE ROLE %I', role) FROM unnest({roles}) role
         WHERE to_regrole(quote_ident(role)) IS NULL \\gexec
        SELECT format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', role, {literal(login)}) FROM unnest({roles}) role
        \\gexec
        SELECT format('CREATE SCHEMA %I AUTHORIZATION %I', name, {literal(layout.database)} || '_' || name)
          FROM unnest({names}) AS unnest (name)
         WHERE to_regnamespace(quote_ident(name)) IS NULL
           AND NOT EXISTS (SELECT FROM {TABLE} s WHERE s.name = unnest.name)
        \\gexec
        INSERT INTO {TABLE} (name, state) SELECT name, {literal(HERE)} FROM unnest({names}) name ON CONFLICT DO NOTHING;
    """


def guards(view: HostView) -> tuple[Guard, ...]:
    """A map that is older than the clusters would make empty shards."""
    mine = local(view)
    if not mine:
        return ()
    query = f"""
        SELECT 'shards.yaml has ' || s.name || ' here, the cluster has it as ' || quote_literal(s.state)
          FROM {TABLE} s WHERE s.name = ANY ({array([shard.name for shard in mine])}) AND s.state <> {literal(HERE)}
         ORDER BY s.name
    """
    asked = shlex.quote(" ".join(query.split()))
    return (
        Guard(
            "where logical shards are",
            f"{CLIENT} -d {view.layout.database} -c {asked} 2>/dev/null || :",
            instead="take the newest shards.yaml from git, or finish the move: massive-deploy shard status",
        ),
    )


def local(view: HostView) -> tuple[Shard, ...]:
    """The logical shards of this host's cluster."""
    return tuple(shard for shard in view.layout.shards if shard.cluster == view.cluster.number)


def array(names: list[str]) -> str:
    """As an array of texts."""
    return f"ARRAY[{', '.join(map(literal, names))}]::text[]"
