"""System checks of what does not go together with many visitors: `manage.py check --deploy --tag massive`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.core.checks import CheckMessage, Warning, register  # noqa: A004 (Django's name)

from django_massive.checks import pages, requests, sharding, stores

TAG = "massive"
Finding = tuple[str, str, str]
"""Number, what is wrong, what to do."""

GROUPS: tuple[Callable[[], Iterator[Finding]], ...] = (
    stores.findings,
    requests.findings,
    pages.findings,
    sharding.findings,
)


def run(**kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 (Django gives app_configs and databases)
    """Everything found, as Django's warnings `massive.W001` and on."""
    return [
        Warning(message, hint=hint, id=f"massive.{number}") for group in GROUPS for number, message, hint in group()
    ]


def register_all() -> None:
    """Tell Django of them."""
    register(run, TAG, deploy=True)
