"""Purges follow what is committed, once for a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models, transaction

from django_massive import purge, signals


class Product(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "massive"


@pytest.fixture(scope="module", autouse=True)
def _table() -> Iterator[None]:
    with connection.schema_editor() as editor:
        editor.create_model(Product)
    signals.register(
        Product, tags=lambda product: [f"product-{product.pk}", product.name.upper()], urls=lambda p: [f"/p/{p.pk}/"]
    )
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Product)


@pytest.fixture
def purged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr(purge, "purge", lambda *tags, hard: found.append((*tags, hard)))
    monkeypatch.setattr(purge, "purge_urls", lambda *urls, hard: found.append((*urls, hard)))
    return found


def rolled_back() -> None:
    with transaction.atomic():
        Product.objects.create(pk=1, name="a")
        transaction.set_rollback(True)


def test_saving_and_deleting_purge_at_once_without_a_transaction(purged: list[Any]) -> None:
    product = Product.objects.create(pk=1, name="a")
    assert purged == [("product-1", "A", False), ("/p/1/", False)]
    product.delete()
    assert len(purged) == 4


def test_a_transaction_purges_once_after_its_end(purged: list[Any]) -> None:
    with transaction.atomic():
        for pk in (1, 2):
            Product.objects.create(pk=pk, name="a")
        with transaction.atomic():
            Product.objects.create(pk=3, name="a")
        signals.after_commit(tags=["more"], hard=True)
        assert purged == []
    assert purged == [
        ("product-1", "A", "product-2", "product-3", False),
        ("/p/1/", "/p/2/", "/p/3/", False),
        ("more", True),
    ]
    Product.objects.all().delete()


def test_what_is_rolled_back_is_not_purged(purged: list[Any]) -> None:
    rolled_back()
    assert purged == []


def test_a_savepoint_that_is_rolled_back_takes_nothing_else_along(purged: list[Any]) -> None:
    with transaction.atomic():
        rolled_back()
        Product.objects.create(pk=2, name="b")
    assert purged[0] == ("product-2", "B", False)
    Product.objects.all().delete()


def test_a_function_that_fails_does_not_fail_the_request(purged: list[Any]) -> None:
    product = Product(pk=9, name="x")
    product.name = None
    signals.post_save.send(Product, instance=product, using="default", created=False, raw=False)
    assert purged == []


def test_a_purge_that_cannot_be_made_fails_no_request(caplog: pytest.LogCaptureFixture) -> None:
    # Of no name comes an empty tag, which is refused.
    Product.objects.create(pk=9, name="")
    with transaction.atomic():
        Product.objects.create(pk=8, name="")
    assert [record.getMessage() for record in caplog.records if "a tag may not be empty" in record.getMessage()]
    Product.objects.all().delete()
