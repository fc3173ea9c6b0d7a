"""Time-outs along the way of a request: who is nearer to the project gives up first."""

from __future__ import annotations

from collections.abc import Iterator

from massive_deploy.topology.layout import Layout, Sum

from .settings import Settings

NAME = "time-outs in seconds, each shorter than the next one outward"


def read_timeout(settings: Settings) -> int:
    """Seconds the app host's nginx waits for gunicorn: a little longer than gunicorn's own time-out."""
    return settings.timeout + 2


def sums(layout: Layout) -> Iterator[Sum]:
    """Each hop's patience, plus one, is no more than the next hop's."""
    inner, formula = read_timeout(layout.settings["app"]), "roles.app.timeout + 2 of nginx before it"
    for role, setting in (("varnish", "first_byte_timeout"), ("nginx", "read_timeout")):
        if layout.running(role):
            outer: int = getattr(layout.settings[role], setting)
            where = f"roles.{role}.{setting}"
            yield Sum(NAME, f"{formula} ({inner}) + 1, for {where}", inner + 1, outer, where, role)
            inner, formula = outer, where
