"""Django's database router for shards and replicas: DATABASE_ROUTERS = ["django_massive.router.Router"]."""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from django_massive import replicas
from django_massive.sharding import alias, chosen, chosen_or_none, number_of, sharding

REPORTING = "reporting"


class Router:
    """Sharded applications go to the shard that is chosen, or that a given object came from.

    Common data are read from the copy beside the shard in use, and written to the default database. Other reads go
    where writes go, except those of MASSIVE_REPLICA_READS (see django_massive.replicas). What belongs to none of these
    is not decided here.
    """

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        """Django's hook.

        Raises:
            ShardNotSet: the model is sharded and nobody chose a shard.
        """
        if (shard := _shard_of_copy(model, hints.get("instance"))) is not None:
            return alias(shard)
        if replicas.read_from_replicas(model._meta.app_label):
            return replicas.reads(_home(model, hints.get("instance")) or DEFAULT_DB_ALIAS)
        if _sharded(model._meta.app_label) or _number(hints.get("instance")) is not None:
            return _home(model, hints.get("instance"))
        return None

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        """Django's hook; raises as db_for_read does."""
        home = _home(model, hints.get("instance"))
        if replicas.read_from_replicas(model._meta.app_label):
            replicas.wrote(home or DEFAULT_DB_ALIAS)
        return home

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool | None:  # noqa: ARG002
        """Within one database, leader and replica alike, and from a shard to what is common. Never between shards."""
        sharded = {_sharded(given._meta.app_label) for given in (one, other)}
        if len(sharded) == 2:
            return True
        near, far = one._state.db, other._state.db
        together = near is not None and far is not None and replicas.leader_of(near) == replicas.leader_of(far)
        return together if sharded == {True} else together or None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:  # noqa: ARG002
        """Sharded applications on shards, all others elsewhere, nothing through a replica's alias."""
        if sharding() is None:
            return None
        if replicas.leader_of(db) != db or db == REPORTING:
            return False
        return (number_of(db) is not None) == _sharded(app_label)


def _sharded(app_label: str) -> bool:
    known = sharding()
    return known is not None and app_label in known.apps


def _number(instance: Model | None) -> int | None:
    """The logical shard an object came from."""
    return number_of(instance._state.db) if instance is not None and instance._state.db else None


def _shard_of_copy(model: type[Model], instance: Model | None) -> int | None:
    """For common data, the shard whose copy is read: that of the row it belongs to, or the one that is chosen."""
    known = sharding()
    if known is None or model._meta.app_label not in known.common:
        return None
    if instance is None or instance._state.db is None:
        return chosen_or_none()
    return _number(instance)


def _home(model: type[Model], instance: Model | None) -> str | None:
    """The leader's alias; None where Django's own choice is right."""
    number = _number(instance)
    if _sharded(model._meta.app_label):
        return alias(chosen() if number is None else number)
    if number is not None:
        return DEFAULT_DB_ALIAS  # it belongs to a row of a shard, where its own table is not
    return replicas.leader_of(instance._state.db) if instance is not None and instance._state.db else None
