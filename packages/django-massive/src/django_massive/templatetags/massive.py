"""Template tags: `{% load massive %}`, then `{% esi url %}` and `{% tags "product-3" … %}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from django_massive import esi as fragments
from django_massive.tags import note

register = template.Library()


@register.simple_tag(takes_context=True)
def esi(context: Any, url: str) -> SafeString:
    """A fragment of the page, from another URL of the site; the page is rendered with its request."""
    request = getattr(context, "request", None) or context["request"]
    return mark_safe(fragments.include(request, url))  # noqa: S308 (the site's own view made it)


@register.simple_tag
def tags(*words: object) -> str:
    """Say what the page shows. Keep it outside of `{% cache %}`: a fragment from the cache says nothing."""
    note(*words)
    return ""
