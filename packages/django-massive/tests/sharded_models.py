"""Two applications of which one is sharded, as models that need no tables."""

from __future__ import annotations

from django.db import models


class Common(models.Model):
    class Meta:
        app_label = "common"


class Line(models.Model):
    common = models.ForeignKey(Common, models.PROTECT, related_name="+")
    unbound = models.ForeignKey(Common, models.PROTECT, related_name="+", db_constraint=False)

    class Meta:
        app_label = "lines"


class Pointer(models.Model):
    line = models.ForeignKey(Line, models.PROTECT, related_name="+")

    class Meta:
        app_label = "common"
