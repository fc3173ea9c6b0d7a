"""Each check speaks of what it is for, and is silent about a project set up as the stack does it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from django_massive import checks
from django_massive.checks import stores

MEMCACHED = "django.core.cache.backends.memcached.PyMemcacheCache"
GOOD: dict[str, Any] = {
    "DEBUG": False,
    "MIDDLEWARE": ["django.contrib.sessions.middleware.SessionMiddleware"],
    "SESSION_ENGINE": "django_massive.sessions",
    "SESSION_CACHE_ALIAS": "sessions",
    "CACHES": {
        "default": {"BACKEND": "django_massive.caches.memcached.Memcached"},
        "sessions": {"BACKEND": "django_massive.caches.redis.Redis"},
    },
    "DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql", "DISABLE_SERVER_SIDE_CURSORS": True}},
    "CELERY_BROKER_URL": "redis://127.0.0.1/1",
    "EMAIL_BACKEND": "django_massive.mail.QueuedEmailBackend",
    "MASSIVE_GEVENT": True,
    "STORAGES": {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    },
    "INSTALLED_APPS": ["django.contrib.contenttypes", "django.contrib.staticfiles", "django_massive"],
}
POSTGRESQL = GOOD["DATABASES"]["default"]
TEMPLATES = "django.template.backends.django.DjangoTemplates"


def found(**settings: Any) -> list[str]:
    # Only read: Django warns of changed DATABASES because connections would not follow.
    with pytest.MonkeyPatch.context() as patch:
        from django.conf import settings as current

        for name, value in {**GOOD, **settings}.items():
            patch.setattr(current, name, value, raising=False)
        return [message.id or "" for message in checks.run()]


def test_nothing_is_said_of_a_project_as_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_blocking_driver", lambda: "")
    assert found() == []


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("W001", {"SESSION_ENGINE": "django.contrib.sessions.backends.db"}),
    ("W001", {"SESSION_ENGINE": "django.contrib.sessions.backends.cached_db"}),
    ("W003", {"CELERY_BROKER_URL": "sqla+postgresql://x"}),
    ("W003", {"INSTALLED_APPS": [*GOOD["INSTALLED_APPS"], "background_task"]}),
    ("W003", {"TASKS": {"default": {"BACKEND": "django_tasks.backends.database.DatabaseBackend"}}}),
    ("W004", {"DATABASES": {"default": {**POSTGRESQL, "CONN_MAX_AGE": 60}}}),
    ("W004", {"DATABASES": {"default": {**POSTGRESQL, "CONN_MAX_AGE": None}}}),
    ("W005", {"DATABASES": {"default": {**POSTGRESQL, "ATOMIC_REQUESTS": True}}}),
    ("W007", {"CACHES": {**GOOD["CACHES"], "default": {"BACKEND": MEMCACHED}}}),
    ("W008", {"MIDDLEWARE": ["django.middleware.transaction.TransactionMiddleware"]}),
    ("W009", {"MIDDLEWARE": [f"m{number}" for number in range(13)]}),
    ("W010", {"DEBUG": True}),
    ("W011", {"TEMPLATES": [{"BACKEND": TEMPLATES, "OPTIONS": {"loaders": ["x.Loader"]}}]}),
    ("W013", {"SESSION_SAVE_EVERY_REQUEST": True}),
    ("W014", {"MIDDLEWARE": ["django.middleware.locale.LocaleMiddleware"]}),
    ("W015", {"DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql"}}}),
    ("W016", {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_TIMEOUT": None}),
    ("W017", {"STORAGES": {}}),
]


@pytest.mark.parametrize(("number", "settings"), WRONG, ids=[f"{n}-{next(iter(s))}" for n, s in WRONG])
def test_each_speaks_of_its_own(number: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_blocking_driver", lambda: "")
    assert found(**settings) == [f"massive.{number}"]


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "filebased.FileBasedCache", "db.DatabaseCache"])
def test_sessions_and_caches_of_one_process_or_of_the_database(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_blocking_driver", lambda: "")
    cache = {"BACKEND": f"django.core.cache.backends.{backend}"}
    assert found(CACHES={**GOOD["CACHES"], "sessions": cache}) == ["massive.W002", "massive.W006"]
    assert found(CACHES={**GOOD["CACHES"], "default": cache}) == ["massive.W006"]


@pytest.mark.parametrize(
    ("installed", "blocks"),
    [
        ({"psycopg": "3.1.13"}, True),
        ({"psycopg": "3.1.14"}, False),
        ({"psycopg": "3.2"}, False),
        ({"psycopg2-binary": "2.9.9"}, True),
        ({"psycopg2": "2.9.9", "psycogreen": "1.0"}, False),
        ({}, False),
    ],
)
def test_drivers_that_block_gevent(installed: dict[str, str], blocks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise stores.importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(stores.importlib.metadata, "version", version)
    assert ("massive.W012" in found()) is blocks
    assert "massive.W012" not in found(MASSIVE_GEVENT=False)


def test_they_run_with_deploy_only_and_every_one_has_a_hint() -> None:
    with override_settings(DEBUG=True):
        assert run_checks(tags=["massive"]) == []
        messages = run_checks(tags=["massive"], include_deployment_checks=True)
    assert "massive.W010" in [message.id for message in messages]
    assert all(message.hint for message in messages)
