"""The app hosts' pooler, and pages that ask the database once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from edge_client import Site, unseen
from edge_outages import APPS
from harness import Stack, within

CONSOLE = "runuser -u postgres -- psql -h /run/postgresql -p 6432 -U pgbouncer pgbouncer -Atc"


def waited(site: Site, ms: int, requests: int = 80) -> set[int]:
    """The statuses of pages that ask the database once, twenty at a time, made by all processes."""
    with ThreadPoolExecutor(20) as pool:
        return set(pool.map(lambda _: site.ask(unseen(f"/wait/?ms={ms}")).status, range(requests)))


def restarted(made: Stack, host: str, end: str) -> None:
    """The pooler ends by this command; returns when another process of it answers."""
    pid = "systemctl show --property=MainPID --value pgbouncer"
    before = made.on(host, pid).strip()
    made.on(host, f"{end} pgbouncer")
    new = f"[ $({pid}) != {before} ] && {CONSOLE} 'show version' >/dev/null 2>&1 && echo new"
    within(20, lambda: made.on(host, new, None).strip() == "new", "pgbouncer answers")


def queries(made: Stack) -> int:
    """How many queries the app hosts' poolers were given since they started."""
    column = 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "query_count") asked = i; next }'
    show = f"{CONSOLE} 'show stats_totals' -P tuples_only=off"
    count = f"{show} | awk -F '|' '{column} {{ sum += $asked }} END {{ print sum }}'"
    return sum(int(made.on(host, count)) for host in APPS)
