"""DATABASES from the environment: a primary and a replica alias for the shop itself and for each shard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from environ import Env

SHARD_VARIABLE = re.compile(r"SHARD(?P<number>\d+)_DATABASE_URL")


def from_environment(env: Env, default_url: str) -> dict[str, dict[str, Any]]:
    """Map `[SHARD<n>_]DATABASE[_REPLICA]_URL` to the aliases default, replica, shard<n> and shard<n>_replica.

    A replica that is not given is its primary under the other name, so code can always name it.
    """
    databases = {}
    for primary, replica, prefix in _pairs(env):
        url = env.str(f"{prefix}DATABASE_URL", default=default_url)
        databases[primary] = _configure(env, url)
        databases[replica] = _configure(env, env.str(f"{prefix}DATABASE_REPLICA_URL", default=url))
        databases[replica]["TEST"] = {"MIRROR": primary}
    return databases


def _pairs(env: Env) -> Iterator[tuple[str, str, str]]:
    yield "default", "replica", ""
    shards = sorted(int(match["number"]) for name in env.ENVIRON if (match := SHARD_VARIABLE.fullmatch(name)))
    for number in shards:
        yield f"shard{number}", f"shard{number}_replica", f"SHARD{number}_"


def _configure(env: Env, url: str) -> dict[str, Any]:
    config: dict[str, Any] = env.db_url_config(url)
    # A unix socket is written as a percent-encoded folder in the place of the host.
    config["HOST"] = unquote(config["HOST"])
    # Keeping connections is the pooler's work; under gevent a kept one is never used again and piles up.
    config["CONN_MAX_AGE"] = 0
    if config["ENGINE"] != "django.db.backends.postgresql":
        return config
    # A server-side cursor outlives its transaction, and so the connection that a pooler lent to it.
    config["DISABLE_SERVER_SIDE_CURSORS"] = True
    options = config.setdefault("OPTIONS", {})
    options.setdefault("connect_timeout", 2)
    if env.bool("DATABASE_POOL", default=False):
        options["pool"] = {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=8), "timeout": 3}
        config["CONN_HEALTH_CHECKS"] = True
    return config
