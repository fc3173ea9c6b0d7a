"""The one command that each host is asked: plain shell, run as root, reading only."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from massive_deploy.engine.probe import MANAGED_UNITS
from massive_deploy.operate.psql import psql
from massive_deploy.topology.layout import Layout

MARK = "@@ "
PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,NRestarts"
MACHINE = "cut -d' ' -f1 /proc/uptime; cut -d' ' -f1 /proc/loadavg; grep -E '^Mem(Total|Available):' /proc/meminfo"

# Both answers come from one moment: first the server's own position, then its replicas as it sees them.
SQL = """
SELECT 'self', pg_is_in_recovery(),
  (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint,
  coalesce((SELECT max(received_tli) FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint())),
  EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),
  CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END;
SELECT 'silent', extract(epoch FROM
  clock_timestamp() - greatest(pg_postmaster_start_time(), pg_last_xact_replay_timestamp())) WHERE pg_is_in_recovery();
SELECT 'replica', application_name, extract(epoch FROM replay_lag) FROM pg_stat_replication;
"""


def script(layout: Layout, host: str, watched: Iterable[str] | None = None) -> str:
    """Shell text whose output `status_parse.parse` reads, about these units (default: all managed ones)."""
    names = f"$({MANAGED_UNITS})" if watched is None else shlex.join(watched)
    parts = {"machine": MACHINE, "units": f"systemctl show --no-pager --property={PROPERTIES} -- {names}"}
    roles = layout.roles_of(host)
    if "app" in roles:
        parts["release"] = "readlink /srv/app/current"
    if "postgresql" in roles:
        rest = layout.port("postgresql", "rest")
        address = layout.host(host).address
        # The position last, so that those of different hosts are as close in time as the connections allow.
        parts["patroni"] = f"curl -s --max-time 3 http://{address}:{rest}/cluster"
        parts["database"] = psql(SQL)
    lines = [f"echo {shlex.quote(MARK + name)}; {{ {command}; }} 2>/dev/null; echo" for name, command in parts.items()]
    return "\n".join([*lines, f"echo {shlex.quote(MARK + 'end')}"])
