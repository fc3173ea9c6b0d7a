"""Checks of the running receiver."""

from __future__ import annotations

import re
import shlex
from typing import Any

from massive_deploy.collected import FOLDER, patterns, receiver, senders
from massive_deploy.verify.steady import eventually, stay_up
from massive_deploy.view import HostView

from .desired import CERTIFICATE
from .settings import BEHIND, PORT
from .sizes import disk

# Seconds within which every host has sent its first entries.
WAIT = 60
DAYS_LEFT = 14


def check_it_runs_and_starts_at_boot(host: Any, view: HostView) -> None:
    """nginx and the receiver's socket are active and enabled."""
    if _collects(view):
        stay_up(host, "nginx.service", "systemd-journal-remote.socket")


def check_who_has_no_certificate_is_refused(host: Any, view: HostView) -> None:
    """Without one, with one that nobody signed, and without TLS nothing gets in."""
    if not _collects(view):
        return
    ask = "curl -sS --insecure --max-time 10 -o /dev/null -w %s -H %s --data-binary MESSAGE=refused"
    kind, url = "Content-Type: application/vnd.fdo.journal", f"https://{view.host.address}:{PORT}/upload"
    assert host.run(ask + " %s", "%{http_code}", kind, url).stdout == "400"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    name = shlex.quote(f"/CN={senders(view.layout)[0].name}")
    own = f'folder=$(mktemp -d) && cd "$folder" && {made} -subj {name} -keyout own -out own 2>/dev/null'
    called = f'{own} && {ask} --cert own %s; cd / && rm -rf "$folder"'
    assert host.run(called, "%{http_code}", kind, url).stdout == "400"
    assert host.run(ask + " %s", "%{http_code}", kind, url.replace("https", "http")).stdout == "400"


def check_it_listens_on_no_other_address(host: Any, view: HostView) -> None:
    """nginx on the host's address, and the receiver on loopback."""
    if not _collects(view):
        return
    sockets = [line.split()[3] for line in host.check_output("ss -Hltn").splitlines()]
    listening = {address for address in sockets if re.search(rf":({PORT}|{BEHIND})$", address)}
    assert listening == {f"{view.host.address}:{PORT}", f"127.0.0.1:{BEHIND}"}


def check_every_host_has_sent_its_journal(host: Any, view: HostView) -> None:
    """Each has files of its own, with something in them."""
    if not _collects(view):
        return

    def silent() -> list[str]:
        return [one.name for one in senders(view.layout) if not host.run(_newest(" ".join(patterns(one)))).stdout]

    assert eventually(silent, lambda names: not names, WAIT) == []


def check_the_journals_stay_within_their_share(host: Any, view: HostView) -> None:
    """All files together."""
    if _collects(view):
        size = int(host.check_output(f"du -sm {FOLDER}").split()[0])
        assert size <= disk(view.layout) + 1


def check_the_key_is_private_and_the_certificate_lasts(host: Any, view: HostView) -> None:
    """Only root reads it; what nginx serves is on the disk, and good for two more weeks."""
    if not _collects(view):
        return
    assert (host.file(CERTIFICATE).user, host.file(CERTIFICATE).mode) == ("root", 0o600)
    served = f"openssl s_client -connect {view.host.address}:{PORT} </dev/null 2>/dev/null"
    prints = "openssl x509 -noout -fingerprint -sha256"
    assert host.check_output(f"{served} | {prints}") == host.check_output(f"{prints} -in {CERTIFICATE}")
    lasts = f"openssl x509 -noout -enddate -checkend {DAYS_LEFT * 86400} -in {CERTIFICATE}"
    assert host.run(lasts).rc == 0, f"it ends within {DAYS_LEFT} days: {host.run(lasts).stdout.strip()}"


def _collects(view: HostView) -> bool:
    collects = receiver(view.layout)
    return collects is not None and collects.name == view.host.name


def _newest(files: str) -> str:
    """Prints the newest entry in these files."""
    given = f'set --; for file in {files}; do if [ -e "$file" ]; then set -- "$@" "--file=$file"; fi; done'
    return f'{given}; [ $# -gt 0 ] && journalctl --no-pager --quiet --lines=1 --output=cat "$@"'
