"""Mail through the queue: a view never waits for a mail server."""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from email.mime.base import MIMEBase
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from django_massive import queue
from django_massive.conf import setting

log = logging.getLogger(__name__)

SMTP = "django.core.mail.backends.smtp.EmailBackend"
# Seconds for a mail server, where the project sets no EMAIL_TIMEOUT.
TIMEOUT = 5
LISTS = ("to", "cc", "bcc", "reply_to")


class QueuedEmailBackend(BaseEmailBackend):
    """Hands mails to Celery; without a worker, or with a broker that is away, sends them itself within a time-out.

    EMAIL_BACKEND = "django_massive.mail.QueuedEmailBackend"; MASSIVE_MAIL_BACKEND (SMTP) is the one that sends.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """How many mails were queued or sent."""
        direct = [message for message in email_messages if not _queued(message)]
        return len(email_messages) - len(direct) + deliver(direct, fail_silently=self.fail_silently)


def deliver(messages: Sequence[EmailMessage], *, fail_silently: bool = False) -> int:
    """Send now, over a connection of its own; how many were sent."""
    if not messages:
        return 0
    backend = setting("MAIL_BACKEND", SMTP)
    more: dict[str, Any] = {}
    if backend == SMTP:
        more["timeout"] = settings.EMAIL_TIMEOUT or TIMEOUT
    return get_connection(backend, fail_silently=fail_silently, **more).send_messages(messages) or 0


def _queued(message: EmailMessage) -> bool:
    if not queue.has_worker() or not message.recipients():
        return False
    plain = as_dict(message)
    return plain is not None and queue.enqueue("send_mail", plain)


def as_dict(message: EmailMessage) -> dict[str, Any] | None:
    """The mail as plain values for the queue; None for one that has parts which are not."""
    if type(message) not in (EmailMessage, EmailMultiAlternatives) or message.encoding is not None:
        return None
    attachments = []
    for attachment in message.attachments:
        if isinstance(attachment, MIMEBase) or not isinstance(attachment, tuple):
            return None
        name, content, kind = attachment
        if not isinstance(content, (str, bytes)):
            return None
        packed = base64.b64encode(content).decode() if isinstance(content, bytes) else content
        attachments.append([name, packed, kind, isinstance(content, bytes)])
    alternatives = [[str(content), str(kind)] for content, kind in getattr(message, "alternatives", None) or []]
    return {
        "subject": str(message.subject),
        "body": str(message.body),
        "from_email": str(message.from_email),
        "headers": {name: str(value) for name, value in message.extra_headers.items()},
        **{name: [str(one) for one in getattr(message, name)] for name in LISTS},
        "content_subtype": message.content_subtype,
        "attachments": attachments,
        "alternatives": alternatives,
    }


def restored(plain: dict[str, Any]) -> EmailMessage:
    """The mail that `as_dict` was given."""
    words = {name: value for name, value in plain.items() if name not in ("attachments", "content_subtype")}
    message = EmailMultiAlternatives(**words)
    message.content_subtype = plain["content_subtype"]
    for name, content, kind, packed in plain["attachments"]:
        message.attach(name, base64.b64decode(content) if packed else content, kind)
    return message
