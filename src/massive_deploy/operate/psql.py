"""How a database host's own server is asked."""

from __future__ import annotations

import shlex


def psql(sql: str, seconds: int = 10, database: str = "postgres") -> str:
    """A shell command: asks as superuser through the server's socket and gives up after some seconds.

    Rows are lines, their columns parted by `|`, without headings.
    """
    # From the file system's root: psql, no longer root, may not be allowed to stay in root's home.
    asks = f"runuser -u postgres -- psql -XAtq -d {shlex.quote(database)} -c {shlex.quote(sql)}"
    return f"cd / && PGCONNECT_TIMEOUT=3 timeout {seconds} {asks}"
