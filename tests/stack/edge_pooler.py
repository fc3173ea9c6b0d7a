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
    count = f"{CONSOLE} 'show stats_totals' | awk -F '|' '{{ sum += $COLUMN }} END {{ print sum }}'"
    header = made.on(APPS[0], f"{CONSOLE.replace('-Atc', '-Ac')} 'show stats_totals'").splitlines()[0].split("|")
    column = str(header.index("query_count") + 1)
    return sum(int(made.on(host, count.replace("COLUMN", column))) for host in APPS)
