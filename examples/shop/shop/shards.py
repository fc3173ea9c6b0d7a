"""Which server stands behind each database alias."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError, connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

QUERY = "select current_database(), host(inet_server_addr()), pg_is_in_recovery()"


@require_safe
@cache_control(private=True, no_store=True)
def index(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """Per alias: database, server address (null on a unix socket) and whether it is a replica now."""
    aliases = list(connections)
    # All at once, so that several dead shards cost one timeout.
    with ThreadPoolExecutor(len(aliases)) as executor:
        return JsonResponse(dict(zip(aliases, executor.map(describe, aliases), strict=True)))


def describe(alias: str) -> dict[str, Any]:
    """What one alias leads to, asked over a connection of this thread; the error's class if nowhere."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return {"database": str(connection.settings_dict["NAME"]), "server": None, "in_recovery": None}
    try:
        with connection.cursor() as cursor:
            cursor.execute(QUERY)
            database, server, in_recovery = cursor.fetchone()
    except DatabaseError as error:
        # The class only: the message of a failed connection names users and hosts.
        return {"error": type(error).__name__}
    finally:
        connection.close()
    return {"database": database, "server": server, "in_recovery": in_recovery}
