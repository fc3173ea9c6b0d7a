"""Checks of applications that are spread over shards, or read from replicas."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.db import models

from django_massive.conf import setting
from django_massive.sharding import Sharding, sharding

Finding = tuple[str, str, str]
ROUTER = "django_massive.router.Router"
PINS = "django_massive.replicas.ReplicaReadsMiddleware"


def findings() -> Iterator[Finding]:
    """All of this group; none in a project that has neither."""
    if setting("REPLICA_READS", default=[]) and (
        ROUTER not in settings.DATABASE_ROUTERS or PINS not in settings.MIDDLEWARE
    ):
        hint = f"add {ROUTER!r} to DATABASE_ROUTERS and {PINS!r} to MIDDLEWARE"
        yield "W023", "MASSIVE_REPLICA_READS is set and nothing reads from replicas", hint
    known = sharding()
    if known is None:
        return
    if ROUTER not in settings.DATABASE_ROUTERS:
        yield "W018", "MASSIVE_SHARDS is set and nothing routes to shards", f"add {ROUTER!r} to DATABASE_ROUTERS"
    labels = {config.label for config in apps.get_app_configs()}
    for label in sorted(known.apps - labels):
        yield "W019", f"{label!r} is sharded, and no such application is installed", "MASSIVE_SHARDS names labels"
    for model in apps.get_models():
        yield from _of_model(model, known)


def _of_model(model: type[models.Model], known: Sharding) -> Iterator[Finding]:
    here = model._meta.app_label in known.apps
    if here and isinstance(model._meta.pk, models.AutoField | models.BigAutoField | models.SmallAutoField):
        hint = "BigIntegerField(primary_key=True, db_default=django_massive.ids.NextId()), or a UUID"
        yield "W020", f"{model._meta.label} counts its ids in every shard anew", hint
    for field in model._meta.concrete_fields:
        if not isinstance(field, models.ForeignKey):
            continue
        target: type[models.Model] = field.related_model
        there = target._meta.app_label in known.apps
        if there and not here:
            hint = "keep the key's value in a plain field, and look the row up in its shard"
            yield "W021", f"{model._meta.label}.{field.name} points from one database into all shards", hint
        elif here and not there and getattr(field, "db_constraint", True):
            hint = "db_constraint=False: what it points to is in another database, or a copy that arrives later"
            yield "W022", f"{model._meta.label}.{field.name} wants a row of another database to be there", hint
