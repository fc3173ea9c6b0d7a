"""Checks of the running sender."""

from __future__ import annotations

import re
import uuid
from typing import Any

from massive_deploy.collected import SENDER_UNIT, senders
from massive_deploy.verify.steady import eventually, stay_up
from massive_deploy.view import HostView

from .desired import AUTHORITY, CERTIFICATE, USER

# Seconds within which the receiver has what was said.
WAIT = 30
DAYS_LEFT = 14
STATE = "/var/lib/systemd/journal-upload/state"


def check_it_runs_and_starts_at_boot(host: Any, view: HostView) -> None:
    """The unit is active, enabled, and does not start over again and again."""
    if view.host in senders(view.layout):
        stay_up(host, f"{SENDER_UNIT}.service")


def check_what_is_logged_reaches_the_receiver(host: Any, view: HostView) -> None:
    """A line is logged, and half a minute later the receiver has confirmed it."""
    if view.host not in senders(view.layout):
        return
    word = uuid.uuid4().hex
    host.check_output("logger --tag massive-deploy-check %s", word)
    find = "journalctl --quiet --no-pager -t massive-deploy-check -n 100 -o export"
    said = eventually(lambda: str(host.run(find).stdout), lambda text: word in text, 5, 0.5)
    (entry,) = (one for one in said.split("\n\n") if word in one)
    wanted = _place(entry)

    def confirmed() -> tuple[str, int]:
        return _place(host.run(f"cat {STATE}").stdout)

    def reached(place: tuple[str, int]) -> bool:
        return place[0] == wanted[0] and place[1] >= wanted[1]

    place = eventually(confirmed, reached, WAIT)
    assert reached(place), f"confirmed up to {place}, not {wanted}: journalctl -u {SENDER_UNIT}"


def check_the_key_is_private_and_the_certificate_lasts(host: Any, view: HostView) -> None:
    """Only the sender reads it; it is of the stack's authority, and good for two more weeks."""
    if view.host not in senders(view.layout):
        return
    assert (host.file(CERTIFICATE).user, host.file(CERTIFICATE).mode) == (USER, 0o600)
    host.check_output(f"openssl verify -CAfile {AUTHORITY} {CERTIFICATE}")
    lasts = f"openssl x509 -noout -enddate -checkend {DAYS_LEFT * 86400} -in {CERTIFICATE}"
    assert host.run(lasts).rc == 0, f"it ends within {DAYS_LEFT} days: {host.run(lasts).stdout.strip()}"


def _place(text: str) -> tuple[str, int]:
    """The journal and the number of an entry in it, from its cursor; numbers grow."""
    found = re.search(r"CURSOR=s=([0-9a-f]+);i=([0-9a-f]+);", text)
    return (found[1], int(found[2], 16)) if found else ("", -1)
