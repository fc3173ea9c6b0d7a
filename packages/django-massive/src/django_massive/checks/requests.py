"""Checks of what every request goes through: middleware, templates, mail, DEBUG."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from django_massive.conf import setting

Finding = tuple[str, str, str]

MIDDLEWARE = 12
TRANSACTIONS = ("TransactionMiddleware", "AtomicMiddleware", "AtomicRequestMiddleware", "RevisionMiddleware")
SMTP = "django.core.mail.backends.smtp.EmailBackend"


def findings() -> Iterator[Finding]:
    """All of this group."""
    for name in settings.MIDDLEWARE:
        if name.endswith(TRANSACTIONS):
            hint = "open transactions with transaction.atomic() around the writes that need them"
            yield "W008", f"{name} opens a transaction around every request", hint
    most = setting("MIDDLEWARE_MAX", MIDDLEWARE)
    if len(settings.MIDDLEWARE) > most:
        hint = "ask of each whether every request needs it; decorators serve single views (MASSIVE_MIDDLEWARE_MAX)"
        yield "W009", f"{len(settings.MIDDLEWARE)} middlewares run for every request", hint
    if settings.DEBUG:
        yield "W010", "DEBUG is on: every query is kept in memory, every template read again", "set DEBUG to False"
    yield from _templates()
    if settings.EMAIL_BACKEND == SMTP and settings.EMAIL_TIMEOUT is None:
        hint = 'EMAIL_BACKEND = "django_massive.mail.QueuedEmailBackend", or at least EMAIL_TIMEOUT'
        yield "W016", "a view that sends mail waits for the mail server, for ever if that hangs", hint


def _templates() -> Iterator[Finding]:
    for engine in settings.TEMPLATES:
        if engine.get("BACKEND") != "django.template.backends.django.DjangoTemplates":
            continue
        loaders = engine.get("OPTIONS", {}).get("loaders")
        # Without `loaders` Django caches by itself.
        if loaders and not any("cached.Loader" in str(loader) for loader in loaders):
            hint = "leave out `loaders`, or wrap them in django.template.loaders.cached.Loader"
            yield "W011", "templates are read and compiled for every page", hint
