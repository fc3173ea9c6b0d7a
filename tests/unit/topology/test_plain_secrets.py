"""What counts as a secret in plain text, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from massive_deploy.topology.document import Document
from massive_deploy.topology.plain_secrets import check_secrets


def found(name: str, value: str) -> list[str]:
    document = Document(Path("topology.yaml"), {"app": {"environment": {name: value}}})
    return [problem.what for problem in check_secrets(document)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "x"),
        ("SECRET_KEY_FALLBACKS", "x"),
        ("DJANGO_SECRET_KEY", "x"),
        ("PASSWORD", "1234"),
        ("DB_PASS", "x"),
        ("EMAIL_HOST_PASSWORD", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("STRIPE_APIKEY", "x"),
        ("GITHUB_TOKEN", "x"),
        ("DATABASE_URL", "postgres://shop:x@db/shop"),
        ("CACHES", "redis://:x@cache:6379/0"),
        ("PROXY", "see http://me:x@proxy:3128/ there"),
        ("MIRROR", "https://abcdefghijklmnopqrstuvwxyz@example.com/"),
        ("DSN", "host=db password=x"),
        ("AWS_ID", "AKIAABCDEFGHIJKLMNOP"),
        ("NOTE", "AGE-SECRET-KEY-1ABC"),
    ],
)
def test_refused(name: str, value: str) -> None:
    assert len(found(name, value)) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PASSWORD_RESET_TIMEOUT", "3600"),
        ("TOKEN_LIFETIME", "3600"),
        ("SECRET_KEY_FILE", "/etc/shop/key"),
        ("USE_TOKEN", "true"),
        ("DB_PASSWORD", ""),
        ("PASSENGER", "x"),
        ("COMPASS", "north"),
        ("SENTRY_URL", "https://sentry.example.com:9000/4"),
        ("SUPPORT", "mail to: shop@example.com"),
        ("REPOSITORY", "ssh://git@example.com:22/shop.git"),
    ],
)
def test_left_alone(name: str, value: str) -> None:
    assert found(name, value) == []
