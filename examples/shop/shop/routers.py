"""Which database answers which query."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.db.models import Model
from django_massive.sharding import number_of

# In the cache for some seconds after the catalogue changed.
JUST_CHANGED = "catalogue:changed"


def is_replica(alias: str) -> bool:
    return alias == "replica" or alias.endswith("_replica")


class CatalogueFromReplica:
    """Read the catalogue, which changes rarely, from the replicas; everything else from the primary.

    Right after a change the catalogue too is read from the primary: pages that were purged are rendered then.

    Orders are read back right after they are written, so a late replica must not answer for them unasked.
    """

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        instance = hints.get("instance")
        # An order may come from a shard, where there is no catalogue.
        if instance is not None and instance._state.db and number_of(instance._state.db) is None:
            return str(instance._state.db)
        if model._meta.app_label != "catalogue" or cache.get(JUST_CHANGED):
            return None
        return "replica"

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:  # noqa: ARG002
        return False if is_replica(db) else None
