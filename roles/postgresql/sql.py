"""Roles, database and extensions as tasks: read on every node alike, written on the leader, waited for on replicas."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass

from massive_deploy.desired import Task
from massive_deploy.environment import POOLER_ROLE
from massive_deploy.view import HostView

from .scram import verifier
from .settings import HEARTBEAT_ROLE, MONITOR_ROLE, MOVER_ROLE, REPLICATION_ROLE, REWIND_ROLE, SOCKETS, SQL, VERSION

CLIENT = (
    f"PGCONNECT_TIMEOUT=3 runuser -u postgres -- /usr/lib/postgresql/{VERSION}/bin/psql -h {SOCKETS} -p {SQL} -XAtq"
)
PSQL = f"{CLIENT} -d postgres"


@dataclass(frozen=True, slots=True)
class SqlRole:
    """A role that may log in; `stored` is its SCRAM verifier, empty for none."""

    name: str
    stored: str = ""
    replication: bool = False
    member_of: str = ""

    @property
    def reads(self) -> str:
        """The line the query below prints for it. Of the verifier only a fingerprint."""
        prefix = hashlib.sha256(self.stored.encode()).hexdigest()[:16]
        return f"{self.name}|t|f|{'t' if self.replication else 'f'}|{prefix}|{self.member_of}"

    @property
    def statements(self) -> str:
        """Creates or corrects it."""
        name, stored = identifier(self.name), literal(self.stored) if self.stored else "NULL"
        options = f"LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE {'' if self.replication else 'NO'}REPLICATION"
        lines = [
            f"SELECT format('CREATE ROLE %I', {literal(self.name)}) "
            f"WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(self.name)}) \\gexec",
            f"ALTER ROLE {name} WITH {options} PASSWORD {stored};",
        ]
        if self.member_of:
            lines.append(f"GRANT {identifier(self.member_of)} TO {name};")
        return "\n".join(lines)


def identifier(name: str) -> str:
    """Quoted as a name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quoted as a text."""
    return "'" + text.replace("'", "''") + "'"


def tasks(view: HostView) -> tuple[Task, ...]:
    """In the order in which one needs the other."""
    return (_roles(view), _database(view), _statistics(), _heartbeat())


def sql_roles(view: HostView) -> tuple[SqlRole, ...]:
    """The roles of a cluster, sorted by name."""
    salt = view.secret("postgresql/app-salt")

    def stored(role: str, secret: str) -> str:
        return verifier(view.secret(secret), hashlib.sha256(f"{role}:{salt}".encode()).digest()[:16])

    app = view.layout.database
    found = [
        SqlRole(app, stored(app, "postgresql/app")),
        SqlRole(REPLICATION_ROLE, stored(REPLICATION_ROLE, "postgresql/replication"), replication=True),
        SqlRole(REWIND_ROLE, stored(REWIND_ROLE, "postgresql/rewind")),
        SqlRole(MONITOR_ROLE, member_of="pg_monitor"),
        SqlRole(HEARTBEAT_ROLE, member_of="pg_monitor"),
    ]
    if view.layout.shards:
        login = view.layout.shards_role
        mover = stored(MOVER_ROLE, "postgresql/mover")
        found += [
            SqlRole(login, stored(login, "postgresql/shards")),
            SqlRole(MOVER_ROLE, mover, replication=True, member_of="pg_read_all_data"),
        ]
    if view.running("pgpool"):
        found.append(SqlRole(POOLER_ROLE, stored(POOLER_ROLE, "postgresql/pooler"), member_of="pg_monitor"))
    return tuple(sorted(found, key=lambda role: role.name))


def _roles(view: HostView) -> Task:
    roles = sql_roles(view)
    query = f"""
        SELECT r.rolname, r.rolcanlogin, r.rolsuper, r.rolreplication,
               left(encode(sha256(convert_to(coalesce(r.rolpassword, ''), 'UTF8')), 'hex'), 16),
               (SELECT string_agg(m.roleid::regrole::text, ',' ORDER BY 1)
                  FROM pg_auth_members m WHERE m.member = r.oid AND m.inherit_option)
          FROM pg_authid r
         WHERE r.rolname IN ({", ".join(literal(role.name) for role in roles)})
         ORDER BY r.rolname COLLATE "C"
    """
    return task("SQL roles", query, "\n".join(role.reads for role in roles), "\n".join(r.statements for r in roles))


def _database(view: HostView) -> Task:
    name = view.layout.database
    query = f"""
        SELECT d.datname, d.datdba::regrole, has_database_privilege('public', d.oid, 'CONNECT'),
               has_database_privilege({literal(MONITOR_ROLE)}, d.oid, 'CONNECT')
          FROM pg_database d WHERE d.datname = {literal(name)}
    """
    quoted = identifier(name)
    statements = f"""
        SELECT format('CREATE DATABASE %I OWNER %I', {literal(name)}, {literal(name)})
         WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {literal(name)}) \\gexec
        ALTER DATABASE {quoted} OWNER TO {quoted};
        REVOKE ALL ON DATABASE {quoted} FROM PUBLIC;
        GRANT CONNECT ON DATABASE {quoted} TO {identifier(MONITOR_ROLE)};
    """
    return task(f"database {name}", query, f"{name}|{name}|f|t", statements)


def _statistics() -> Task:
    query = "SELECT extname FROM pg_extension WHERE extname = 'pg_stat_statements'"
    statements = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements;"
    return task("statement statistics", query, "pg_stat_statements", statements)


def _heartbeat() -> Task:
    """One row, in the database that every cluster has; only its role changes it."""
    role = identifier(HEARTBEAT_ROLE)
    query = f"""
        SELECT has_schema_privilege({literal(HEARTBEAT_ROLE)}, 'massive', 'USAGE'),
               has_table_privilege({literal(HEARTBEAT_ROLE)}, 'massive.heartbeat', 'SELECT, UPDATE'),
               (SELECT count(*) FROM massive.heartbeat)
    """
    statements = f"""
        CREATE SCHEMA IF NOT EXISTS massive;
        CREATE TABLE IF NOT EXISTS massive.heartbeat (
            one boolean PRIMARY KEY DEFAULT true CHECK (one), at timestamptz NOT NULL
        ) WITH (fillfactor = 10);
        INSERT INTO massive.heartbeat (at) VALUES (clock_timestamp()) ON CONFLICT DO NOTHING;
        GRANT USAGE ON SCHEMA massive TO {role};
        GRANT SELECT, UPDATE ON massive.heartbeat TO {role};
    """
    return task("heartbeat", query, "t|t|1", statements)


def task(name: str, query: str, want: str, statements: str, database: str = "postgres") -> Task:
    """Runs the statements where the node is not in recovery; elsewhere replication brings the result."""
    asked, psql = shlex.quote(" ".join(query.split())), f"{CLIENT} -d {shlex.quote(database)}"
    return Task(
        name=name,
        observe=f"{psql} -c {asked} 2>/dev/null || :",
        want=want,
        run=(
            f"recovering=$({psql} -c 'SELECT pg_is_in_recovery()' </dev/null)\n"
            f'if [ "$recovering" = f ]; then {psql} -v ON_ERROR_STOP=1 -f -; fi'
        ),
        stdin=statements,
        settle=60,
        secret=True,
    )
