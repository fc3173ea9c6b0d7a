"""What a Celery worker does for this package. Running a task twice does no harm beyond a second mail."""

from __future__ import annotations

import http.client
from typing import Any

from celery import shared_task

from django_massive import mail, purge

# Tries over about half an hour.
AGAIN: dict[str, Any] = {"retry_backoff": 2, "retry_backoff_max": 300, "max_retries": 12, "ignore_result": True}


@shared_task(name="django_massive.purge_again", autoretry_for=(OSError, ValueError, http.client.HTTPException), **AGAIN)
def purge_again(url: str, orders: list[list[Any]]) -> None:
    """Purge at a cache that did not answer."""
    purge.send(url, orders, timeout=5)


@shared_task(name="django_massive.send_mail", autoretry_for=(OSError,), **AGAIN)
def send_mail(message: dict[str, Any]) -> None:
    """Send a mail; what the mail server refuses is tried again too, as it may be for now only."""
    mail.deliver([mail.restored(message)])
