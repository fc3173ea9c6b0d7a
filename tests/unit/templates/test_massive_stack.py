"""The settings a project gets on top of its own. The module needs the standard library alone."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import pytest

from massive_deploy.paths import shipped

ENV = {
    "SECRET_KEY": "s",
    "ALLOWED_HOSTS": "example.com,.example.org",
    "CSRF_TRUSTED_ORIGINS": "https://example.com",
    "STATIC_ROOT": "/srv/app/releases/x/static",
    "DATABASE_URL": "postgres://shop:p%40ss@%2Frun%2Fpostgresql:6432/shop",
    "DATABASE_REPLICA_URL": "postgres://shop:p%40ss@%2Frun%2Fpostgresql:6432/shop_ro",
    "CACHE_URL": "pymemcache://192.0.2.1:11211,192.0.2.2:11211",
    "REDIS_URL": "redis://:pw@127.0.0.1:6379/0",
    "CELERY_BROKER_URL": "redis://:pw@127.0.0.1:6379/1",
}
LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}


@pytest.fixture(scope="module")
def stack() -> ModuleType:
    spec = importlib.util.spec_from_file_location("massive_stack", shipped("templates") / "django/massive_stack.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def overlay(stack: ModuleType, project: dict[str, Any] | None = None, **env: str) -> dict[str, Any]:
    return dict(stack.overlay(project or {}, {**ENV, **env}))


def test_hosts_and_secrets(stack: ModuleType) -> None:
    found = overlay(stack, {"DEBUG": True, "CSRF_TRUSTED_ORIGINS": ["https://own.example"]})
    assert found["DEBUG"] is False
    assert found["SECRET_KEY"] == "s"
    assert found["ALLOWED_HOSTS"] == ["example.com", ".example.org"]
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://own.example", "https://example.com"]
    assert found["STATIC_URL"] == "/static/"


def test_databases_go_through_the_poolers_socket(stack: ModuleType) -> None:
    databases = overlay(stack, {"DATABASES": {"legacy": {"ENGINE": "x"}}})["DATABASES"]
    assert set(databases) == {"legacy", "default", "replica"}
    default = databases["default"]
    assert (default["HOST"], default["PORT"], default["NAME"]) == ("/run/postgresql", "6432", "shop")
    assert default["PASSWORD"] == "p@ss"
    assert default["CONN_MAX_AGE"] == 0
    assert default["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert databases["replica"]["NAME"] == "shop_ro"
    assert databases["replica"]["TEST"] == {"MIRROR": "default"}


def test_shards(stack: ModuleType) -> None:
    url = ENV["DATABASE_URL"] + "_shard2"
    databases = overlay(stack, SHARD2_DATABASE_URL=url)["DATABASES"]
    assert databases["shard2"]["NAME"] == databases["shard2_replica"]["NAME"] == "shop_shard2"


@pytest.mark.parametrize(
    ("own", "kept"),
    [
        ("django.contrib.gis.db.backends.postgis", True),
        ("django_prometheus.db.backends.postgresql", True),
        ("django.db.backends.sqlite3", False),
    ],
)
def test_an_engine_that_builds_on_postgresql_stays(stack: ModuleType, own: str, kept: bool) -> None:
    project = {"DATABASES": {"default": {"ENGINE": own, "ATOMIC_REQUESTS": True}}}
    default = overlay(stack, project)["DATABASES"]["default"]
    assert default["ENGINE"] == (own if kept else "django.db.backends.postgresql")
    assert default["ATOMIC_REQUESTS"] is True


@pytest.mark.parametrize(("pool", "has_pool", "there"), [("1", True, True), ("1", False, False), ("0", True, False)])
def test_a_pool_only_where_asked_for_and_known(
    stack: ModuleType, monkeypatch: pytest.MonkeyPatch, pool: str, has_pool: bool, there: bool
) -> None:
    monkeypatch.setattr(stack, "django_has_pool", lambda: has_pool)
    options = overlay(stack, DATABASE_POOL=pool, DATABASE_POOL_SIZE="7")["DATABASES"]["default"]["OPTIONS"]
    assert ("pool" in options) is there
    assert options.get("pool", {"max_size": 7})["max_size"] == 7


def test_caches_never_wait_for_ever(stack: ModuleType) -> None:
    caches = overlay(stack, {"CACHES": {"default": LOCMEM, "extra": LOCMEM}})["CACHES"]
    assert set(caches) == {"default", "sessions", "extra"}
    assert caches["default"]["LOCATION"] == ["192.0.2.1:11211", "192.0.2.2:11211"]
    assert caches["default"]["OPTIONS"]["timeout"] < 1
    assert caches["sessions"]["OPTIONS"]["socket_timeout"] < 1
    assert caches["extra"] == LOCMEM


def test_what_the_project_set_up_itself_stays(stack: ModuleType) -> None:
    own = {"default": {"BACKEND": "shop.caches.SharedMemcache"}, "sessions": {"BACKEND": "shop.caches.SharedRedis"}}
    found = overlay(stack, {"CACHES": own, "SESSION_ENGINE": "shop.sessions"})
    assert found["CACHES"] == own
    assert "SESSION_ENGINE" not in found


@pytest.mark.parametrize("own", [{}, {"SESSION_ENGINE": "django.contrib.sessions.backends.db"}])
def test_sessions_are_in_redis_and_not_in_the_database(stack: ModuleType, own: dict[str, str]) -> None:
    found = overlay(stack, own)
    assert found["SESSION_ENGINE"] == "django.contrib.sessions.backends.cache"
    assert found["SESSION_CACHE_ALIAS"] == "sessions"


def test_celery_survives_a_lost_worker_unless_the_project_says_otherwise(stack: ModuleType) -> None:
    found = overlay(stack, {"CELERY_TASK_ACKS_LATE": False, "CELERY_RESULT_BACKEND": "redis://"})
    assert found["CELERY_BROKER_URL"].endswith("/1")
    assert found["CELERY_TASK_REJECT_ON_WORKER_LOST"] is True
    assert "CELERY_TASK_ACKS_LATE" not in found
    assert "CELERY_TASK_IGNORE_RESULT" not in found


def test_an_empty_environment_changes_no_database_or_cache(stack: ModuleType) -> None:
    found = stack.overlay({"DATABASES": {"default": {"ENGINE": "x"}}, "CACHES": {"default": LOCMEM}}, {})
    assert found["DATABASES"] == {"default": {"ENGINE": "x"}}
    assert found["CACHES"] == {"default": LOCMEM}
    assert "SESSION_ENGINE" not in found
