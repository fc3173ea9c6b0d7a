"""Checks of the hardening role."""

from __future__ import annotations

from typing import Any

from massive_deploy.view import HostView

from .desired import LIVE, TIMERS, WANTED


def check_sshd_runs_with_this_configuration(host: Any, view: HostView) -> None:
    """What sshd says of itself, and that it has been told."""
    if not view.settings.sshd:
        assert not host.file(LIVE).exists
        return
    assert host.file(LIVE).content_string == host.file(WANTED).content_string
    effective = host.check_output("sshd -T").splitlines()
    # A file of the host's own that comes before may be stricter.
    assert "permitrootlogin yes" not in effective
    assert any(line.startswith("permitrootlogin ") for line in effective)
    if not view.settings.passwords:
        assert {"passwordauthentication no", "kbdinteractiveauthentication no"} <= set(effective)


def check_sshd_offers_no_weak_cryptography(host: Any, view: HostView) -> None:
    """The running server's own words, as any client hears them before it logs in."""
    if not view.settings.sshd:
        return
    said = host.check_output(
        "ssh -vv -o BatchMode=yes -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes "
        "-p %s nobody@127.0.0.1 true 2>&1 || true",
        _port(host),
    )
    offer = said.partition("peer server KEXINIT proposal")[2].partition("kex:")[0]
    assert "MACs stoc" in offer, said[-500:]
    for weak in ("ecdh-sha2-nistp", "ecdsa-", "hmac-sha1", "group14-", "-cbc", "umac-64"):
        assert weak not in offer


def _port(host: Any) -> str:
    lines = host.check_output("sshd -T").splitlines()
    return str(next(line.split()[1] for line in lines if line.startswith("port ")))


def check_upgrades_come_at_night(host: Any, view: HostView) -> None:
    """The timers are on, and apt is told to upgrade."""
    if not view.settings.upgrades:
        return
    for timer in TIMERS:
        assert host.service(timer).is_enabled
    assert 'APT::Periodic::Unattended-Upgrade "1";' in host.check_output("apt-config dump")
    assert host.package("unattended-upgrades").is_installed
