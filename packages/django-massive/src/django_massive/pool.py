"""Connections of Django's pool are looked at before use, without a question to the server.

With CONN_HEALTH_CHECKS Django's pool sends an empty query each time a connection is taken: a way through pooler,
balancer and server for every request. A pooler on a unix socket is seen to go at once, by the socket alone.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection


def look(connection: Connection[Any]) -> None:
    """Raises psycopg.OperationalError when the other end has closed the connection.

    Twice: what it said before it went is read first.
    """
    connection.pgconn.consume_input()
    connection.pgconn.consume_input()


def install() -> None:
    """Let psycopg's pools look at connections over unix sockets; others are asked as before."""
    if find_spec("psycopg_pool") is None:
        return
    from psycopg_pool import ConnectionPool

    ask = ConnectionPool.check_connection

    def check(connection: Connection[Any]) -> None:
        (look if connection.info.host.startswith("/") else ask)(connection)

    ConnectionPool.check_connection = staticmethod(check)
