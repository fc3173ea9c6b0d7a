# Managed by massive-deploy: edits are overwritten by the next up.
"""The stack's databases, caches and hosts as Django settings, read from the environment. Standard library only."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

POSTGRESQL = "django.db.backends.postgresql"
SHARD = re.compile(r"SHARD(\d+)_DATABASE_URL")
# What works on one machine only; anything else a project set up itself (a subclass, another client) stays.
LOCAL_CACHES = ("locmem.", "dummy.", "filebased.", "cache.backends.db.")
LOCAL_SESSIONS = tuple(f"django.contrib.sessions.backends.{name}" for name in ("db", "cached_db", "file", "cache"))
RUNTIME = "django_massive"
ROUTER = f"{RUNTIME}.router.Router"
REQUEST_ID = f"{RUNTIME}.request_id.RequestIdMiddleware"
REPLICA_READS = f"{RUNTIME}.replicas.ReplicaReadsMiddleware"
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
        **runtime(project, env),
        **sharding(project, env),
        **routing(project, env),
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
    url = env.get("STATIC_URL", "/static/")
    # A CDN's address goes before the project's own path.
    if not project.get("STATIC_URL") or "://" in url:
        found["STATIC_URL"] = url
    if not project.get("MEDIA_URL"):
        found["MEDIA_URL"] = "/media/"
    return found


def databases(project: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """default, replica, shard<n> and shard<n>_replica, reporting. Replicas that are not given are their leaders."""
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
        reads = env.get(f"{prefix}DATABASE_REPLICA_URL", url)
        found[leader] = database(url, own.get(leader, own.get("default", {})), env, project)
        found[replica] = database(reads, own.get(replica, own.get("default", {})), env, project)
        found[replica]["TEST"] = {"MIRROR": leader}
    if "REPORTING_DATABASE_URL" in env:
        found["reporting"] = database(env["REPORTING_DATABASE_URL"], own.get("default", {}), env, project)
        found["reporting"]["TEST"] = {"MIRROR": "default"}
    for name in logical(env):
        url = f"{env['SHARDS_DATABASE_URL']}{name}"
        found[name] = shard(url, own.get("default", {}), env, project)
        found[f"{name}_replica"] = shard(f"{url}_ro", own.get("default", {}), env, project)
        found[f"{name}_replica"]["TEST"] = {"MIRROR": name}
    return found


def logical(env: Mapping[str, str]) -> list[str]:
    """Aliases of the logical shards' leaders."""
    return [f"shard{number:04d}" for number in range(int(env.get("SHARDS", "0")))]


def shard(url: str, own: Mapping[str, Any], env: Mapping[str, str], project: Mapping[str, Any]) -> dict[str, Any]:
    """One alias of a logical shard. Of so many, none holds connections while it is idle."""
    found = database(url, own, env, project)
    if pool := found["OPTIONS"].get("pool"):
        found["OPTIONS"]["pool"] = {**pool, "min_size": 0, "max_idle": 30}
    return found


def sharding(project: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """What django-massive is told of the logical shards; a directory's function is the project's to name."""
    count = len(logical(env))
    if not count:
        return {}
    return {
        "MASSIVE_SHARDS": {
            **project.get("MASSIVE_SHARDS", {}),
            "COUNT": count,
            "STRATEGY": env.get("SHARDS_STRATEGY", "hash"),
            "BOUNDS": [int(word) for word in words(env, "SHARDS_BOUNDS")],
            "EPOCH": int(env["SHARDS_EPOCH"]),
            "APPS": words(env, "SHARDS_APPS"),
            "COMMON": words(env, "SHARDS_COMMON"),
        }
    }


def routing(project: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """django-massive's router before the project's own, where there are shards or reads from replicas."""
    found: dict[str, Any] = {}
    if has_runtime() and words(env, "REPLICA_READS"):
        found["MASSIVE_REPLICA_READS"] = words(env, "REPLICA_READS")
    if found or logical(env):
        routers = list(project.get("DATABASE_ROUTERS", []))
        found["DATABASE_ROUTERS"] = routers if ROUTER in routers else [ROUTER, *routers]
    return found


def database(url: str, own: Mapping[str, Any], env: Mapping[str, str], project: Mapping[str, Any]) -> dict[str, Any]:
    """One alias. The project's engine stays when it builds on PostgreSQL (PostGIS, instrumented ones)."""
    parts = urlsplit(url)
    engine = str(own.get("ENGINE", ""))
    postgresql = any(word in engine for word in ("postgresql", "postgis", "psycopg"))
    options: dict[str, Any] = {"connect_timeout": 5, **dict(parse_qsl(parts.query))}
    if "application_name" in options:
        # Through pgPool. It would send Django's `SELECT set_config('TimeZone', …)` to one node of the session only.
        options["options"] = f"-c TimeZone={time_zone(own, project)}"
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
        size = int(env.get("DATABASE_POOL_SIZE", "50"))
        options["pool"] = {"min_size": 1, "max_size": size, "timeout": 10, "max_idle": 120}
        # A session with pgPool can be broken behind it, which only a query tells.
        if "application_name" not in options:
            options["pool"] |= checked()
        if "DATABASE_POOL_LIFETIME" in env:
            options["pool"]["max_lifetime"] = int(env["DATABASE_POOL_LIFETIME"])
        found["CONN_HEALTH_CHECKS"] = True
    return found


def checked() -> dict[str, Any]:
    """The pool's own connections, where the release has what Django's pool needs; without it Django says so."""
    if importlib.util.find_spec("psycopg") is None:
        return {}
    from massive_pool import Connection

    return {"connection_class": Connection}


def time_zone(own: Mapping[str, Any], project: Mapping[str, Any]) -> str:
    """The time zone Django wants of a database connection."""
    if project.get("USE_TZ", True):
        return str(own.get("TIME_ZONE") or "UTC")
    return str(project.get("TIME_ZONE", "America/Chicago"))


def django_has_pool() -> bool:
    """Whether this Django knows OPTIONS["pool"] (5.1 and later)."""
    import django

    return django.VERSION >= (5, 1)


def has_runtime() -> bool:
    """Whether the release has django-massive."""
    return importlib.util.find_spec("django_massive") is not None


def runtime(project: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """django-massive's application (checks, commands, tags, SQL comments), and its outermost middlewares."""
    if not has_runtime():
        return {}
    apps, middleware = project.get("INSTALLED_APPS", []), project.get("MIDDLEWARE", [])
    found: dict[str, Any] = {}
    if not any(name.split(".")[0] == RUNTIME for name in apps):
        found["INSTALLED_APPS"] = [*apps, RUNTIME]
    wanted = [REQUEST_ID, *([REPLICA_READS] if words(env, "REPLICA_READS") else [])]
    if missing := [name for name in wanted if name not in middleware]:
        found["MIDDLEWARE"] = [*missing, *middleware]
    return found


def caches(env: Mapping[str, str]) -> dict[str, Any]:
    """`default` on memcached, `sessions` on Redis. A frozen node costs a fifth of a second, not the request."""
    if has_runtime():
        return runtime_caches(env)
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


def runtime_caches(env: Mapping[str, str]) -> dict[str, Any]:
    """The same over django-massive's backends: a client per process, errors are misses, a dead server is left alone."""
    found: dict[str, Any] = {}
    if "CACHE_URL" in env:
        nodes = urlsplit(env["CACHE_URL"]).netloc.split(",")
        found["default"] = {"BACKEND": f"{RUNTIME}.caches.memcached.Memcached", "LOCATION": nodes}
    if "REDIS_URL" in env:
        backend = f"{RUNTIME}.caches.redis.Redis"
        found["sessions"] = {"BACKEND": backend, "LOCATION": env["REDIS_URL"], "KEY_PREFIX": "session"}
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
    engine = f"{RUNTIME}.sessions" if has_runtime() else "django.contrib.sessions.backends.cache"
    return {"SESSION_ENGINE": engine, "SESSION_CACHE_ALIAS": "sessions"}


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
