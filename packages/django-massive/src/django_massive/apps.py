"""The application: registers checks, and SQL comments unless MASSIVE_SQL_COMMENTS is False."""

from __future__ import annotations

from django.apps import AppConfig

from django_massive.conf import setting


class MassiveConfig(AppConfig):
    """No models, so it may be installed anywhere."""

    name = "django_massive"
    label = "massive"

    def ready(self) -> None:
        """Register what works through Django's own hooks."""
        from django_massive import checks, pool, sql_comments

        checks.register_all()
        if setting("CHEAP_POOL_CHECKS", default=True):
            pool.install()
        if setting("SQL_COMMENTS", default=True):
            sql_comments.install()
