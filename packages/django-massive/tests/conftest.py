"""A Django project of one module, for all tests of the package."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from django.conf import settings

LOCMEM = "django.core.cache.backends.locmem.LocMemCache"

# The views are found by name, as a project's are.
sys.path.insert(0, str(Path(__file__).parent))

if not settings.configured:
    settings.configure(
        SECRET_KEY="for-tests-only",
        ALLOWED_HOSTS=["testserver", "www.example.com"],
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.sessions", "django_massive"],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:massive?mode=memory&cache=shared"}
        },
        CACHES={"default": {"BACKEND": LOCMEM, "LOCATION": "default"}},
        MIDDLEWARE=["django_massive.request_id.RequestIdMiddleware"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        ROOT_URLCONF="massive_views",
        USE_TZ=True,
    )
    django.setup()


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    from django.core.cache import cache

    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def frozen_server() -> Iterator[socket.socket]:
    """A server that takes connections and never says anything, as one that was stopped."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def frozen(frozen_server: socket.socket) -> tuple[str, int]:
    """Its address."""
    host, port = frozen_server.getsockname()
    return host, port
