"""Which database answers which query."""

from __future__ import annotations

from typing import Any

from django.db.models import Model


def is_replica(alias: str) -> bool:
    return alias == "replica" or alias.endswith("_replica")


class CatalogueFromReplica:
    """Read the catalogue, which changes rarely, from the replicas; everything else from the primary.

    Orders are read back right after they are written, so a late replica must not answer for them unasked.
    """

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        instance = hints.get("instance")
        if instance is not None and instance._state.db:  # noqa: SLF001  (Django's documented way to ask)
            return str(instance._state.db)  # noqa: SLF001
        return "replica" if model._meta.app_label == "catalogue" else None  # noqa: SLF001

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:  # noqa: ARG002
        return False if is_replica(db) else None
