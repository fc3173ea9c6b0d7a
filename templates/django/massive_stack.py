# Managed by massive-deploy: edits are overwritten by the next up.
"""The stack's databases, caches and hosts as Django settings, read from the environment. Standard library only."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

POSTGRESQL = "django.db.backends.postgresql"
SHARD = re.compile(r"SHARD(\d+)_DATABASE_URL")
# What works on one machine only; anything else a project set up itself (a subclass, another client) stays.
LOCAL_CACHES = ("locmem.", "dummy.", "filebased.", "cache.backends.db.")
LOCAL_SESSIONS = tuple(f"django.contrib.sessions.backends.{name}" for name in ("db", "cached_db", "file", "cache"))
KEPT = ("ATOMIC_REQUESTS", "TIME_ZONE", "TEST")


def overlay(project: Mapping[str, Any], env: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Settings that replace or extend the project's own; aliases and applications of the project stay."""
    return {
        "DEBUG": False,
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
        **hosts(project, env),
        **files(project, env),
        "DATABASES": {**project.get("DATABASES", {}), **databases(project, env)},
        "CACHES": merged_caches(project, caches(env)),
        **sessions(project, env),
        **celery(project, env),
    }


def hosts(project: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """SECRET_KEY, ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS."""
    found: dict[str, Any] = {"ALLOWED_HOSTS": words(env, "ALLOWED_HOSTS") or ["*"]}
    if "SECRET_KEY" in env:
        found["SECRET_KEY"] = env["SECRET_KEY"]
    origins = [*project.get("CSRF_TRUSTED_ORIGINS", []), *words(env, "CSRF_TRUSTED_ORIGINS")]
    found["CSRF_TRUSTED_ORIGINS"] = list(dict.fromkeys(origins))
    return found


def files(project: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """Where collected static files and uploads are."""
    found: dict[str, Any] = {name: env[name] for name in ("STATIC_ROOT", "MEDIA_ROOT") if name in env}
    if not project.get("STATIC_URL"):
        found["STATIC_URL"] = env.get("STATIC_URL", "/static/")
    if not project.get("MEDIA_URL"):
        found["MEDIA_URL"] = "/media/"
    return found


def databases(project: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """default, replica, shard<n> and shard<n>_replica. A replica that is not given is its leader by another name."""
    if "DATABASE_URL" not in env:
        return {}
    shards = sorted(int(match[1]) for name in env if (match := SHARD.fullmatch(name)))
    own = project.get("DATABASES", {})
    found: dict[str, dict[str, Any]] = {}
    for leader, replica, prefix in [
        ("default", "replica", ""),
        *((f"shard{n}", f"shard{n}_replica", f"SHARD{n}_") for n in shards),
    ]:
        url = env[f"{prefix}DATABASE_URL"]
        found[leader] = database(url, own.get(leader, own.get("default", {})), env)
        found[replica] = database(
            env.get(f"{prefix}DATABASE_REPLICA_URL", url), own.get(replica, own.get("default", {})), env
        )
        found[replica]["TEST"] = {"MIRROR": leader}
    return found


def database(url: str, own: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """One alias. The project's engine stays when it builds on PostgreSQL (PostGIS, instrumented ones)."""
    parts = urlsplit(url)
    engine = str(own.get("ENGINE", ""))
    postgresql = any(word in engine for word in ("postgresql", "postgis", "psycopg"))
    options: dict[str, Any] = {"connect_timeout": 5}
    found = {
        "ENGINE": engine if postgresql else POSTGRESQL,
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        # A unix socket is written as a percent-encoded folder in the place of the host.
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        # Keeping connections is the pooler's work; under gevent a kept one is never used again and piles up.
        "CONN_MAX_AGE": 0,
        # A server-side cursor outlives its transaction, and with it the pooler's server connection.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": options,
        **{name: own[name] for name in KEPT if name in own},
    }
    if env.get("DATABASE_POOL") == "1" and django_has_pool():
        size = int(env.get("DATABASE_POOL_SIZE", "20"))
        options["pool"] = {"min_size": 1, "max_size": size, "timeout": 10, "max_idle": 120}
        found["CONN_HEALTH_CHECKS"] = True
    return found


def django_has_pool() -> bool:
    """Whether this Django knows OPTIONS["pool"] (5.1 and later)."""
    import django

    return django.VERSION >= (5, 1)


def caches(env: Mapping[str, str]) -> dict[str, Any]:
    """`default` on memcached, `sessions` on Redis. A frozen node costs a fifth of a second, not the request."""
    found: dict[str, Any] = {}
    if "CACHE_URL" in env:
        found["default"] = {
            "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
            "LOCATION": urlsplit(env["CACHE_URL"]).netloc.split(","),
            "OPTIONS": {
                "connect_timeout": 0.2,
                "timeout": 0.2,
                "ignore_exc": True,
                "no_delay": True,
                "use_pooling": True,
                "max_pool_size": 50,
                "retry_attempts": 0,
                "dead_timeout": 5,
            },
        }
    if "REDIS_URL" in env:
        found["sessions"] = {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": env["REDIS_URL"],
            "KEY_PREFIX": "session",
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5, "health_check_interval": 30},
        }
    return found


def merged_caches(project: Mapping[str, Any], stack: Mapping[str, Any]) -> dict[str, Any]:
    """The project's caches; of those the stack has too, only stores of one process give way."""
    own = dict(project.get("CACHES", {}))
    for alias, cache in stack.items():
        backend = own.get(alias, {}).get("BACKEND", LOCAL_CACHES[0])
        if any(word in backend for word in LOCAL_CACHES):
            own[alias] = cache
    return own


def sessions(project: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """Sessions in Redis: memcached would evict them, the database would be written at every request."""
    if "REDIS_URL" not in env or project.get("SESSION_ENGINE", LOCAL_SESSIONS[0]) not in LOCAL_SESSIONS:
        return {}
    return {"SESSION_ENGINE": "django.contrib.sessions.backends.cache", "SESSION_CACHE_ALIAS": "sessions"}


def celery(project: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """The broker, and defaults with which a task survives the death of its worker. The project's own settings win."""
    if "CELERY_BROKER_URL" not in env:
        return {}
    defaults: dict[str, Any] = {
        "CELERY_TASK_ACKS_LATE": True,
        "CELERY_TASK_REJECT_ON_WORKER_LOST": True,
        "CELERY_WORKER_PREFETCH_MULTIPLIER": 1,
        "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP": True,
        "CELERY_BROKER_TRANSPORT_OPTIONS": {
            "visibility_timeout": 3600,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
        },
    }
    if "CELERY_RESULT_BACKEND" not in project:
        defaults["CELERY_TASK_IGNORE_RESULT"] = True
    return {"CELERY_BROKER_URL": env["CELERY_BROKER_URL"], **{k: v for k, v in defaults.items() if k not in project}}


def words(env: Mapping[str, str], name: str) -> list[str]:
    """A comma-separated variable as a list; empty when it is unset."""
    return [word.strip() for word in env.get(name, "").split(",") if word.strip()]
