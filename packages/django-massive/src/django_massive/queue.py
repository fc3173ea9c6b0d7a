"""Handing work to Celery, where a worker takes it."""

from __future__ import annotations

import logging
import os

from django_massive.breaker import Breaker
from django_massive.conf import setting

log = logging.getLogger(__name__)

_broker = Breaker(failures=1, pause=10.0)


def has_worker() -> bool:
    """Whether the project runs Celery workers: MASSIVE_QUEUE, else whether CELERY_APP is set in the environment."""
    return setting("QUEUE", bool(os.environ.get("CELERY_APP")))


def enqueue(name: str, *arguments: object) -> bool:
    """Queue a task of `django_massive.tasks`; false when there is no worker, or its broker does not answer."""
    if not has_worker() or not _broker.allows():
        return False
    try:
        from django_massive import tasks

        getattr(tasks, name).apply_async(arguments, retry=False)
    except Exception as error:  # noqa: BLE001 (a broker's client has many ways to fail)
        _broker.failed()
        log.warning("%s was not queued: %s", name, type(error).__name__)
        return False
    _broker.succeeded()
    return True
