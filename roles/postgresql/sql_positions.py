"""How far the replicas are, for the project: it reads from them what its users wrote only when they have it."""

from __future__ import annotations

from massive_deploy.desired import Task
from massive_deploy.view import HostView

from .sql import literal, task

FUNCTION = "massive.replayed"
_BODY = """
    SELECT CASE WHEN bool_and(coalesce(r.state = 'streaming', false)) THEN
           pg_wal_lsn_diff(min(r.replay_lsn), '0/0')::bigint END
      FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid
     WHERE s.slot_type = 'physical' AND NOT s.temporary
"""


def positions(view: HostView) -> Task:
    """A function for everybody in the project's database, of the leader.

    It gives the position in the log that every replica has replayed, and NULL when one of them is not connected:
    that one may still answer reads, with what it had. What replicas report is never ahead of what they have.
    """
    body = " ".join(_BODY.split())
    query = f"""
        SELECT p.prosrc = {literal(body)}, p.prosecdef,
               has_function_privilege('public', p.oid, 'EXECUTE'), has_schema_privilege('public', 'massive', 'USAGE')
          FROM pg_proc p WHERE p.oid = to_regprocedure({literal(f"{FUNCTION}()")})
    """
    statements = f"""
        CREATE SCHEMA IF NOT EXISTS massive;
        CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = pg_catalog AS {literal(body)};
        GRANT USAGE ON SCHEMA massive TO public;
        GRANT EXECUTE ON FUNCTION {FUNCTION}() TO public;
    """
    return task("replica positions", query, "t|t|t|t", statements, database=view.layout.database)
