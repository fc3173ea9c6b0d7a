"""Purges that follow the models: register one, and its pages are purged when a row was saved or deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connections, transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from django_massive import purge

log = logging.getLogger(__name__)
Words = Callable[[Any], Iterable[object]]


def register(model: type[Model], *, tags: Words | None = None, urls: Words | None = None, hard: bool = False) -> None:
    """Purge after a row of the model was saved or deleted and that is committed, once for a whole transaction.

    Args:
        model: what is watched. `update()` and `bulk_create()` send no signals: call `after_commit` beside them.
        tags: the tags of an instance, for instance `lambda product: [f"product-{product.pk}", "list"]`.
        urls: its URLs, the same way.
        hard: see `purge.purge`.
    """

    def changed(instance: Model, using: str, **kwargs: Any) -> None:  # noqa: ARG001 (a signal gives more)
        try:
            found = [str(one) for one in tags(instance)] if tags else []
            pages = [str(one) for one in urls(instance)] if urls else []
        except Exception:
            # A purge never fails the request.
            log.exception("what to purge for %s is not known", model._meta.label)
            return
        after_commit(tags=found, urls=pages, hard=hard, using=using)

    name = f"django_massive.signals {model._meta.label}"
    post_save.connect(changed, sender=model, weak=False, dispatch_uid=name)
    post_delete.connect(changed, sender=model, weak=False, dispatch_uid=name)


def after_commit(
    *, tags: Iterable[object] = (), urls: Iterable[str] = (), hard: bool = False, using: str | None = None
) -> None:
    """Purge when the running transaction is committed, or at once outside of one."""
    connection = connections[using or "default"]
    waiting = _waiting(connection)
    if waiting is None:
        waiting = Waiting()
        waiting.add(tags, urls, hard)
        transaction.on_commit(waiting, using=using, robust=True)
    else:
        waiting.add(tags, urls, hard)


class Waiting:
    """What one transaction has changed."""

    def __init__(self) -> None:
        # Django names a callback that failed by this; without it, its own words would fail, and with them the request.
        self.__qualname__ = type(self).__qualname__
        self._tags: dict[bool, dict[str, None]] = {False: {}, True: {}}
        self._urls: dict[bool, dict[str, None]] = {False: {}, True: {}}

    def add(self, tags: Iterable[object], urls: Iterable[str], hard: bool) -> None:
        """More of it."""
        self._tags[hard].update(dict.fromkeys(map(str, tags)))
        self._urls[hard].update(dict.fromkeys(urls))

    def __call__(self) -> None:
        """Purge all of it."""
        for hard in (False, True):
            if self._tags[hard]:
                purge.purge(*self._tags[hard], hard=hard)
            if self._urls[hard]:
                purge.purge_urls(*self._urls[hard], hard=hard)


def _waiting(connection: Any) -> Waiting | None:
    """What already waits for the commit and is dropped by no rollback that would keep what is done now."""
    for entry in connection.run_on_commit:
        savepoints, callback = entry[0], entry[1]
        if isinstance(callback, Waiting) and set(savepoints) <= set(connection.savepoint_ids):
            return callback
    return None
