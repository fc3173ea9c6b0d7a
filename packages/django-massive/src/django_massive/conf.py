"""The package's settings: attributes of Django's that begin with MASSIVE_. Each has a default."""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings

T = TypeVar("T")


def setting(name: str, default: T) -> T:
    """The project's MASSIVE_<name>, or the default."""
    found: T = getattr(settings, f"MASSIVE_{name}", default)
    return found
