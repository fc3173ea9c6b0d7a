"""What database hosts hold, for the table of what an edit would lose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from massive_deploy.operate.prepare import machine, target

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.topology.layout import Host

# Whether this copy leads, then each database. Rows are counted where that takes no time, otherwise estimated.
LOOK = r"""
cd /
sql() { PGCONNECT_TIMEOUT=3 timeout 10 runuser -u postgres -- psql -XAtq -d "$1" -c "$2" 2>/dev/null; }
[ "$(sql postgres 'SELECT pg_is_in_recovery()')" != f ] || printf ', leads it'
for database in $(sql postgres "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"); do
  size=$(sql postgres "SELECT pg_size_pretty(pg_database_size('$database'))")
  tables="FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text
    NOT IN ('pg_catalog', 'information_schema')"
  rows=$(sql "$database" "SET statement_timeout = '3s'; SELECT coalesce(sum((xpath('/row/count/text()',
    query_to_xml(format('SELECT count(*) FROM %s', oid::regclass), true, true, '')))[1]::text::bigint), 0) $tables") ||
    rows="about $(sql "$database" "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint $tables")"
  printf '; %s %s, %s rows' "$database" "$size" "$rows"
done
"""


def look(inventory: Inventory, hosts: Iterable[Host]) -> Mapping[str, str]:
    """Host name → what it holds, to be put after its name. A host that does not answer says so."""
    from massive_deploy.engine.transport import connected

    wanted = {host.name: host for host in hosts}
    source = target(inventory)
    present = set(source.present())
    reach = source.reach([machine(host) for name, host in wanted.items() if name in present])
    seen = dict.fromkeys(wanted, " (not reachable from here)")
    if reach:
        with connected(reach) as (fleet, unreachable):
            asked = [name for name in reach if name not in unreachable]
            for name, output in fleet.run_all(dict.fromkeys(asked, LOOK)).items():
                seen[name] = output.stdout.strip() if output.ok else " (does not answer)"
    return seen
