"""Checks of what is kept where: sessions, tasks, caches, connections."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator
from typing import Any

from django.conf import settings

from django_massive.conf import setting

Finding = tuple[str, str, str]

IN_DATABASE = ("django.contrib.sessions.backends.db", "django.contrib.sessions.backends.cached_db")
NOT_SHARED = ("locmem.", "filebased.", "backends.db.", "dummy.")
TASKS_IN_DATABASE = ("background_task", "django_celery_results", "django_tasks.backends.database", "django_tasks_db")
BROKERS_IN_DATABASE = ("sqla+", "sqlalchemy+", "django://", "db+", "filesystem://")
TIMEOUTS = {"PyMemcacheCache": "timeout", "PyLibMCCache": "receive_timeout", "RedisCache": "socket_timeout"}
COOPERATES = (3, 1, 14)


def findings() -> Iterator[Finding]:
    """All of this group."""
    yield from _sessions()
    yield from _tasks()
    yield from _caches()
    yield from _connections()


def gevent() -> bool:
    """Whether the project is served by gevent: MASSIVE_GEVENT, else whether that is installed."""
    return setting("GEVENT", importlib.util.find_spec("gevent") is not None)


def _sessions() -> Iterator[Finding]:
    engine = settings.SESSION_ENGINE
    if not any(name.endswith("SessionMiddleware") for name in settings.MIDDLEWARE):
        return
    if engine in IN_DATABASE or engine.endswith("backends.file"):
        hint = 'SESSION_ENGINE = "django_massive.sessions", with a cache in Redis as SESSION_CACHE_ALIAS'
        yield "W001", f"sessions are kept by {engine}: a read, and often a write, for each request", hint
        return
    backend = settings.CACHES.get(settings.SESSION_CACHE_ALIAS, {}).get("BACKEND", "")
    if "signed_cookies" not in engine and any(word in backend for word in NOT_SHARED):
        hint = "keep sessions in a cache in Redis"
        yield "W002", f"sessions are kept in {backend}, which other servers do not see", hint


def _tasks() -> Iterator[Finding]:
    found = [app for app in settings.INSTALLED_APPS if app.startswith(TASKS_IN_DATABASE)]
    broker = str(getattr(settings, "CELERY_BROKER_URL", ""))
    if broker.startswith(BROKERS_IN_DATABASE):
        found.append("CELERY_BROKER_URL")
    tasks: dict[str, Any] = getattr(settings, "TASKS", {})
    found += [f"TASKS[{name!r}]" for name, one in tasks.items() if "database" in str(one.get("BACKEND", ""))]
    if "orm" in getattr(settings, "Q_CLUSTER", {}):
        found.append("Q_CLUSTER")
    if found:
        hint = "use Redis or RabbitMQ for queue and results"
        yield "W003", f"the task queue or its results are in the database: {', '.join(found)}", hint


def _caches() -> Iterator[Finding]:
    for alias, cache in sorted(settings.CACHES.items()):
        backend = str(cache.get("BACKEND", ""))
        if any(word in backend for word in NOT_SHARED):
            hint = (
                "use memcached or Redis: django_massive.caches.memcached.Memcached, django_massive.caches.redis.Redis"
            )
            yield "W006", f"the cache {alias!r} is {backend}: not in memory that all servers share", hint
        option = TIMEOUTS.get(backend.rpartition(".")[2]) if backend.startswith("django.core.") else None
        if option and option not in (cache.get("OPTIONS") or {}):
            hint = f"set OPTIONS[{option!r}], or use the backends of django_massive.caches"
            yield "W007", f"the cache {alias!r} waits for ever for a server that hangs", hint


def _connections() -> Iterator[Finding]:
    for alias, database in sorted(settings.DATABASES.items()):
        if gevent() and database.get("CONN_MAX_AGE", 0) != 0:
            hint = "set CONN_MAX_AGE to 0; keeping connections is the pooler's work, or that of OPTIONS['pool']"
            yield "W004", f"the database {alias!r} keeps connections: under gevent they pile up unused", hint
        if database.get("ATOMIC_REQUESTS"):
            hint = "open transactions with transaction.atomic() around the writes that need them"
            yield "W005", f"the database {alias!r} has a transaction around every request", hint
        postgresql = "postg" in str(database.get("ENGINE", ""))
        if postgresql and not database.get("DISABLE_SERVER_SIDE_CURSORS"):
            hint = "set DISABLE_SERVER_SIDE_CURSORS"
            yield "W015", f"the database {alias!r} uses server-side cursors: not with a pooler per transaction", hint
    if gevent() and (driver := _blocking_driver()):
        hint = "install psycopg 3.1.14 or newer"
        yield "W012", f"{driver} makes a whole gevent worker wait for each query", hint


def _blocking_driver() -> str:
    """The database driver that gevent cannot switch in; empty when it can."""
    versions = {}
    for name in ("psycopg", "psycopg2", "psycopg2-binary", "psycogreen"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if "psycopg" in versions:
        numbers = tuple(int(part) for part in versions["psycopg"].split(".")[:3] if part.isdigit())
        return "" if numbers >= COOPERATES else f"psycopg {versions['psycopg']}"
    old = next((name for name in versions if name.startswith("psycopg2")), "")
    return "" if "psycogreen" in versions else old
