"""What to type next depends on why a host does not let us in."""

from __future__ import annotations

from pathlib import Path

import pytest

from massive_deploy.operate.unreachable import failures
from massive_deploy.targets import Ssh

SSH = Ssh("192.0.2.7", 2222, "deploy", Path("/keys/my key"), Path("/keys/known"))


@pytest.mark.parametrize(
    ("why", "hint"),
    [
        ("Host key for 192.0.2.7 does not match.", "ssh-keygen -f /keys/known -R '[192.0.2.7]:2222'"),
        ("StrictPolicy: No host key for x found", "ssh-keyscan -t ed25519 -p 2222 192.0.2.7 >>/keys/known"),
        ("Authentication error (username=deploy)", "ssh-copy-id -i '/keys/my key' -p 2222 deploy@192.0.2.7"),
        ("the SSH server says: Not allowed at this time", "wait a minute"),
        ("Could not connect (timed out)", "ssh -i '/keys/my key' -p 2222 deploy@192.0.2.7; then run this again"),
    ],
)
def test_the_hint_fits_the_cause(why: str, hint: str) -> None:
    (found,) = failures({"a": SSH}, {"a": why})
    assert hint in found.next
    assert (found.host, found.stage, found.step, found.cause) == ("a", "connect", "ssh deploy@192.0.2.7:2222", why)


def test_a_machine_of_our_own_is_started() -> None:
    assert failures({"a": SSH}, {"a": "timed out"}, "docker start demo-")[0].next.startswith("docker start demo-a;")
