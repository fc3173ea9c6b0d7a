"""Hosts that do not let us in: what to type next depends on why."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from massive_deploy.errors import HostFailure

if TYPE_CHECKING:
    from massive_deploy.targets import Ssh


def failures(reach: Mapping[str, Ssh], unreachable: Mapping[str, str], start: str = "") -> list[HostFailure]:
    """One failure a host, by name. `start` is the command that starts a stopped one, up to the host's name."""
    found = []
    for name, why in sorted(unreachable.items()):
        ssh = reach[name]
        hint = advice(ssh, why) or (f"{start}{name}" if start else shlex.join(["ssh", *_options(ssh), login(ssh)]))
        found.append(HostFailure(name, "connect", f"ssh {login(ssh)}:{ssh.port}", why, f"{hint}; then run this again"))
    return found


def login(ssh: Ssh) -> str:
    """As ssh takes it: user@host."""
    return f"{ssh.user}@{ssh.host}"


def advice(ssh: Ssh, why: str) -> str:
    """What mends a refusal, by the words it was told in; empty for a host that does not answer."""
    known = str(ssh.known_hosts or Path("~/.ssh/known_hosts").expanduser())
    entry = ssh.host if ssh.port == 22 else f"[{ssh.host}]:{ssh.port}"
    words = why.lower()
    if "does not match" in words:
        forget = shlex.join(["ssh-keygen", "-f", known, "-R", entry])
        return f"only if the machine was made anew: {forget}, and add its new key after comparing the fingerprint"
    if "no host key" in words:
        scan = shlex.join(["ssh-keyscan", "-t", "ed25519", "-p", str(ssh.port), ssh.host])
        return f"{scan} >>{shlex.quote(known)}, and compare the fingerprint"
    if "authentication" in words:
        return f"give {ssh.user} this key: {shlex.join(['ssh-copy-id', *_options(ssh), login(ssh)])}"
    if "not allowed at this time" in words:
        return (
            "wait a minute: sshd keeps addresses away that failed to log in (PerSourcePenalties in sshd_config; "
            "PerSourcePenaltyExemptList takes this machine's)"
        )
    return ""


def _options(ssh: Ssh) -> list[str]:
    key = ["-i", str(ssh.key)] if ssh.key is not None else []
    return [*key, *(["-p", str(ssh.port)] if ssh.port != 22 else [])]
