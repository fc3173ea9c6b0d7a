"""What a database host is asked before and after a change of leader: one shell script, reading only, and its answer."""

from __future__ import annotations

import shlex

from massive_deploy.operate.candidates import OLD, Seen, Transaction
from massive_deploy.operate.patroni import json_object, node
from massive_deploy.operate.psql import psql
from massive_deploy.operate.status_parse import sections
from massive_deploy.operate.status_script import MARK
from massive_deploy.topology.layout import Layout

# As JSON, a row a line: names hold whatever people write.
SQL = """
SELECT json_build_object('answers', true, 'writes', NOT pg_is_in_recovery());
SELECT json_build_object('pid', pid, 'user', usename, 'database', datname,
    'age', extract(epoch FROM clock_timestamp() - xact_start),
    'doing', concat(state, ', ', substring(query FROM '\\w+')))
  FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    AND clock_timestamp() - xact_start > make_interval(secs => %d) ORDER BY xact_start;
SELECT json_build_object('backup', concat(phase, ', pid ', pid)) FROM pg_stat_progress_basebackup;
"""


def script(layout: Layout, host: str) -> str:
    """Shell text whose output `parse` reads. Patroni's own figures come last: they are compared across hosts."""
    rest = f"http://{layout.host(host).address}:{layout.port('postgresql', 'rest')}"
    parts = {
        "configuration": f"curl -s --max-time 3 {rest}/config",
        "database": psql(SQL % OLD, 5),
        "patroni": f"curl -s --max-time 3 {rest}/patroni",
    }
    lines = [f"echo {shlex.quote(MARK + name)}; {{ {command}; }} 2>/dev/null; echo" for name, command in parts.items()]
    return "\n".join([*lines, f"echo {shlex.quote(MARK + 'end')}"])


def parse(host: str, output: str) -> Seen:
    """What the host told; with `error` set when the output does not come from the script."""
    parts = sections(output)
    if "end" not in parts:
        return Seen(host, error="the answer is incomplete")
    rows = [row for line in parts.get("database", "").splitlines() if (row := json_object(line))]
    return Seen(
        host,
        node=node(parts.get("patroni", "")),
        answers=any("answers" in row for row in rows),
        writes=any(row.get("writes") is True for row in rows),
        synchronous=bool(json_object(parts.get("configuration", "")).get("synchronous_mode")),
        transactions=tuple(_transaction(row) for row in rows if "pid" in row),
        backups=tuple(str(row["backup"]) for row in rows if "backup" in row),
        error="" if parts.get("patroni", "").strip() else "Patroni does not answer",
    )


def _transaction(row: dict[str, object]) -> Transaction:
    age = row.get("age")
    return Transaction(
        pid=int(str(row["pid"])),
        user=str(row.get("user")),
        database=str(row.get("database")),
        age=float(str(age)) if age is not None else 0.0,
        doing=str(row.get("doing")),
    )
