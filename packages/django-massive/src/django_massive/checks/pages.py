"""Checks of what keeps pages out of the caches in front, and files out of the visitors'."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

Finding = tuple[str, str, str]

LOCALE = "django.middleware.locale.LocaleMiddleware"
UNNAMED = "django.contrib.staticfiles.storage.StaticFilesStorage"


def findings() -> Iterator[Finding]:
    """All of this group."""
    if settings.SESSION_SAVE_EVERY_REQUEST:
        hint = "set SESSION_SAVE_EVERY_REQUEST to False"
        yield "W013", "every visitor with a session gets a cookie with every page: no page of theirs is cached", hint
    if LOCALE in settings.MIDDLEWARE:
        hint = "put the language into the URL (i18n_patterns), and the middleware out"
        yield "W014", "LocaleMiddleware reads cookie and headers for every page, so that pages vary by them", hint
    storage = settings.STORAGES.get("staticfiles", {}).get("BACKEND", UNNAMED)
    if storage == UNNAMED and "django.contrib.staticfiles" in settings.INSTALLED_APPS:
        hint = 'STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}'
        yield "W017", "static files have no version in their names: browsers cannot keep them", hint
