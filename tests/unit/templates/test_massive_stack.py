"""The settings a project gets on top of its own. The module needs the standard library alone."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from massive_deploy.paths import shipped

ROOT = Path(__file__).resolve().parents[3]
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


@pytest.fixture(autouse=True)
def _without_django_massive(stack: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "has_runtime", lambda: False)


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


POOL = "postgres://shop:p%40ss@%2Frun%2Fpostgresql:6432/shop?application_name="


def test_through_pgpool_an_alias_says_its_name(stack: ModuleType) -> None:
    urls = {"DATABASE_URL": f"{POOL}default", "DATABASE_REPLICA_URL": f"{POOL}replica"}
    databases = overlay(stack, **urls)["DATABASES"]
    assert {alias: one["NAME"] for alias, one in databases.items()} == {"default": "shop", "replica": "shop"}
    assert {alias: one["OPTIONS"]["application_name"] for alias, one in databases.items()} == {
        "default": "default",
        "replica": "replica",
    }
    assert "application_name" not in overlay(stack)["DATABASES"]["default"]["OPTIONS"]


SHARDS = {
    "SHARDS": "3",
    "SHARDS_DATABASE_URL": "postgres://shop_shards@%2Frun%2Fpostgresql:6432/shop_",
    "SHARDS_APPS": "orders,events",
    "SHARDS_STRATEGY": "range",
    "SHARDS_BOUNDS": "10,20",
    "SHARDS_EPOCH": "2026",
}


def test_logical_shards_are_aliases_with_a_router(stack: ModuleType) -> None:
    found = overlay(stack, {"DATABASE_ROUTERS": ["shop.Own"]}, **SHARDS)
    databases = found["DATABASES"]
    assert [name for name in databases if name.startswith("shard")][-2:] == ["shard0002", "shard0002_replica"]
    assert (databases["shard0001"]["NAME"], databases["shard0001_replica"]["NAME"]) == (
        "shop_shard0001",
        "shop_shard0001_ro",
    )
    assert (databases["shard0001"]["USER"], databases["shard0001"]["PASSWORD"]) == ("shop_shards", "")
    assert databases["shard0001_replica"]["TEST"] == {"MIRROR": "shard0001"}
    assert found["DATABASE_ROUTERS"] == ["django_massive.router.Router", "shop.Own"]
    assert found["MASSIVE_SHARDS"] == {
        "COUNT": 3,
        "STRATEGY": "range",
        "BOUNDS": [10, 20],
        "EPOCH": 2026,
        "APPS": ["orders", "events"],
        "COMMON": [],
    }


def test_the_reporting_database_is_an_alias(stack: ModuleType) -> None:
    url = "postgres://shop:pw@%2Frun%2Fpostgresql:6432/shop_reporting"
    found = overlay(stack, REPORTING_DATABASE_URL=url)["DATABASES"]
    assert found["reporting"]["NAME"] == "shop_reporting"
    assert "reporting" not in overlay(stack)["DATABASES"]


def test_a_directory_is_the_projects(stack: ModuleType) -> None:
    found = overlay(stack, {"MASSIVE_SHARDS": {"DIRECTORY": "shop.where", "COUNT": 1}}, **SHARDS)["MASSIVE_SHARDS"]
    assert (found["DIRECTORY"], found["COUNT"]) == ("shop.where", 3)


def test_idle_shards_hold_no_connection(stack: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "django_has_pool", lambda: True)
    databases = overlay(stack, {}, DATABASE_POOL="1", **SHARDS)["DATABASES"]
    assert databases["default"]["OPTIONS"]["pool"]["min_size"] == 1
    assert databases["shard0001"]["OPTIONS"]["pool"]["min_size"] == 0


def test_without_logical_shards_nothing_is_routed(stack: ModuleType) -> None:
    assert not {"MASSIVE_SHARDS", "DATABASE_ROUTERS"} & set(overlay(stack))


def test_reads_from_replicas_are_routed(stack: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "MASSIVE_REPLICA_READS" not in overlay(stack, REPLICA_READS="orders")
    monkeypatch.setattr(stack, "has_runtime", lambda: True)
    found = overlay(stack, {"DATABASE_ROUTERS": ["shop.Own"], "MIDDLEWARE": ["shop.M"]}, REPLICA_READS="orders,lists")
    assert found["MASSIVE_REPLICA_READS"] == ["orders", "lists"]
    assert found["DATABASE_ROUTERS"] == ["django_massive.router.Router", "shop.Own"]
    assert found["MIDDLEWARE"][1:] == ["django_massive.replicas.ReplicaReadsMiddleware", "shop.M"]
    assert "DATABASE_ROUTERS" not in overlay(stack, {"MASSIVE_REPLICA_READS": ["orders"]})


@pytest.mark.parametrize(
    ("project", "zone"),
    [
        ({"TIME_ZONE": "Europe/Berlin"}, "UTC"),
        ({"TIME_ZONE": "Europe/Berlin", "USE_TZ": False}, "Europe/Berlin"),
        ({"DATABASES": {"default": {"TIME_ZONE": "Asia/Tokyo"}}}, "Asia/Tokyo"),
    ],
)
def test_through_pgpool_every_node_of_a_session_has_djangos_time_zone(
    stack: ModuleType, project: dict[str, Any], zone: str
) -> None:
    options = overlay(stack, project, DATABASE_URL=f"{POOL}default")["DATABASES"]["default"]["OPTIONS"]
    assert options["options"] == f"-c TimeZone={zone}"
    assert "options" not in overlay(stack, project)["DATABASES"]["default"]["OPTIONS"]


def test_pooled_connections_live_as_long_as_the_stack_says(stack: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "django_has_pool", lambda: True)
    for env, lifetime in (({}, None), ({"DATABASE_POOL_LIFETIME": "30"}, 30)):
        found = overlay(stack, DATABASE_POOL="1", **env)["DATABASES"]["default"]["OPTIONS"]["pool"]
        assert found.get("max_lifetime") == lifetime


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


@pytest.mark.parametrize(("pgpool", "own"), [(False, True), (True, False)])
def test_only_a_session_with_pgpool_is_asked_whether_it_lives(
    stack: ModuleType, monkeypatch: pytest.MonkeyPatch, pgpool: bool, own: bool
) -> None:
    monkeypatch.setattr(stack, "django_has_pool", lambda: True)
    monkeypatch.setattr(stack, "checked", lambda: {"connection_class": int})
    url = ENV["DATABASE_URL"] + ("?application_name=default" if pgpool else "")
    pool = overlay(stack, DATABASE_POOL="1", DATABASE_URL=url)["DATABASES"]["default"]["OPTIONS"]["pool"]
    assert ("connection_class" in pool) is own


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


def test_with_django_massive_its_backends_and_application_are_used(
    stack: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "has_runtime", lambda: True)
    found = overlay(stack, {"INSTALLED_APPS": ["shop"], "MIDDLEWARE": ("a", "b"), "CACHES": {"default": LOCMEM}})
    assert found["CACHES"]["default"] == {
        "BACKEND": "django_massive.caches.memcached.Memcached",
        "LOCATION": ["192.0.2.1:11211", "192.0.2.2:11211"],
    }
    assert found["CACHES"]["sessions"]["BACKEND"] == "django_massive.caches.redis.Redis"
    assert found["SESSION_ENGINE"] == "django_massive.sessions"
    assert found["INSTALLED_APPS"] == ["shop", "django_massive"]
    assert found["MIDDLEWARE"] == ["django_massive.request_id.RequestIdMiddleware", "a", "b"]


def test_what_the_project_has_of_django_massive_is_not_there_twice(
    stack: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "has_runtime", lambda: True)
    middleware = ["a", "django_massive.request_id.RequestIdMiddleware"]
    for app in ("django_massive", "django_massive.apps.MassiveConfig"):
        found = overlay(stack, {"INSTALLED_APPS": [app], "MIDDLEWARE": middleware})
        assert not {"INSTALLED_APPS", "MIDDLEWARE"} & set(found)


def test_without_it_none_of_it_is_named(stack: ModuleType) -> None:
    assert "django_massive" not in str(overlay(stack))


@pytest.mark.parametrize("installed", [True, False])
def test_whether_it_is_installed(installed: bool) -> None:
    # A module of its own: the other tests have replaced the function.
    code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['has_runtime']())"
    path = str(ROOT / "packages/django-massive/src") if installed else ""
    module = shipped("templates") / "django/massive_stack.py"
    env = {"PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code, str(module)], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(installed)


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
