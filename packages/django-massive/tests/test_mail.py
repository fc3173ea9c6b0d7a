"""Mail goes to the queue where there is one, and arrives as it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core import mail as outbox
from django.core.mail import EmailMultiAlternatives
from django.test import override_settings

from django_massive import mail, queue, tasks

LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture(autouse=True)
def _outbox() -> Any:
    outbox.outbox = []
    with override_settings(MASSIVE_MAIL_BACKEND=LOCMEM, MASSIVE_QUEUE=True):
        yield


def letter() -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        "Grüße", "text", "from@example.com", ["to@example.com"], ["bcc@example.com"], cc=["cc@example.com"]
    )
    message.extra_headers["X-Order"] = "7"
    message.attach_alternative("<p>text</p>", "text/html")
    message.attach("a.bin", b"\x00\xff", "application/octet-stream")
    message.attach("a.txt", "words", "text/plain")
    return message


def parts(message: Any) -> list[tuple[str, Any]]:
    found = message.message()
    return [
        (part.get_content_type(), part.get_payload(decode=True)) for part in found.walk() if not part.is_multipart()
    ]


def test_a_mail_is_queued_and_arrives_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    queued: list[Any] = []
    monkeypatch.setattr(queue, "enqueue", lambda name, *words: queued.append((name, json.dumps(words))) or True)
    assert mail.QueuedEmailBackend().send_messages([letter()]) == 1
    assert outbox.outbox == []
    ((name, words),) = queued
    assert name == "send_mail"
    tasks.send_mail(*json.loads(words))
    (sent,) = outbox.outbox
    assert parts(sent) == parts(letter())
    assert (sent.subject, sent.recipients(), sent.extra_headers) == (
        "Grüße", letter().recipients(), {"X-Order": "7"},
    )  # fmt: skip


@pytest.mark.parametrize("worker", [True, False])
def test_it_is_sent_at_once_without_a_worker_or_with_a_broker_that_is_away(
    monkeypatch: pytest.MonkeyPatch, worker: bool
) -> None:
    monkeypatch.setattr(queue, "enqueue", lambda *words: False)
    with override_settings(MASSIVE_QUEUE=worker):
        assert mail.QueuedEmailBackend().send_messages([letter(), letter()]) == 2
    assert len(outbox.outbox) == 2


def test_a_mail_of_another_class_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    class Signed(EmailMultiAlternatives):
        pass

    monkeypatch.setattr(queue, "enqueue", lambda *words: pytest.fail("queued"))
    message = Signed("a", "b", "c@example.com", ["d@example.com"])
    assert mail.QueuedEmailBackend().send_messages([message]) == 1


def test_sending_directly_has_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    class Connection:
        def send_messages(self, messages: Any) -> int:
            return len(messages)

    monkeypatch.setattr(mail, "get_connection", lambda backend, **words: given.update(words) or Connection())
    with override_settings(MASSIVE_MAIL_BACKEND=mail.SMTP, EMAIL_TIMEOUT=None):
        mail.deliver([letter()])
    assert given["timeout"] == mail.TIMEOUT


def test_a_broker_that_is_away_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def away(*words: Any, **more: Any) -> None:
        tried.append(1)
        raise ConnectionError

    monkeypatch.setattr(queue, "_broker", queue.Breaker(failures=1, pause=60))
    monkeypatch.setattr(tasks.send_mail, "apply_async", away)
    assert [queue.enqueue("send_mail", {}), queue.enqueue("send_mail", {})] == [False, False]
    assert tried == [1]


def test_whether_there_is_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    with override_settings():
        del settings.MASSIVE_QUEUE
        assert queue.has_worker() is False
        monkeypatch.setenv("CELERY_APP", "shop")
        assert queue.has_worker() is True
