"""The shop's project package. The Celery app is imported here so that `shared_task` finds it."""

from __future__ import annotations

from shop.celery import app as celery_app

__all__ = ["celery_app"]
