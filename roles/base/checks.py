"""Checks of the base role."""

from __future__ import annotations

from typing import Any

from massive_deploy.view import HostView


def check_every_peer_resolves_to_its_address(host: Any, view: HostView) -> None:
    """Names of all hosts resolve without DNS."""
    for peer in view.layout.hosts:
        assert peer.address in host.addr(peer.name).ipv4_addresses


def check_no_unit_has_failed(host: Any, view: HostView) -> None:  # noqa: ARG001
    """systemd knows no failed unit."""
    failed = host.run("systemctl list-units --failed --plain --no-legend")
    assert failed.stdout.strip() == ""


def check_authorities_of_the_controller_are_trusted(host: Any, view: HostView) -> None:
    """Each authority has its link below /etc/ssl/certs."""
    for name, _ in view.authorities:
        assert host.file(f"/etc/ssl/certs/{name.removesuffix('.crt')}.pem").exists


def check_state_of_the_tool_is_private(host: Any, view: HostView) -> None:  # noqa: ARG001
    """Only root reads what was applied; marks that services look for may be passed by."""
    assert host.file("/var/lib/massive-deploy").mode == 0o711
    for name in ("stamps", "managed"):
        assert host.file(f"/var/lib/massive-deploy/{name}").mode & 0o077 == 0
