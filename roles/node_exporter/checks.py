"""Checks of the running node_exporter."""

from __future__ import annotations

from typing import Any

from massive_deploy.view import HostView


def check_it_runs_and_starts_at_boot(host: Any, view: HostView) -> None:  # noqa: ARG001
    """node_exporter runs, and starts at boot."""
    service = host.service("prometheus-node-exporter")
    assert service.is_running
    assert service.is_enabled


def check_it_tells_about_this_host(host: Any, view: HostView) -> None:
    """It answers on the host's address, with memory, load and units."""
    port = view.layout.ports[view.role][0].number
    text = host.check_output(f"curl -sf http://{view.host.address}:{port}/metrics")
    for metric in ("node_load1", "node_memory_MemAvailable_bytes", "node_systemd_unit_state"):
        assert metric in text, f"{metric} is missing"


def check_it_listens_on_no_other_address(host: Any, view: HostView) -> None:
    """It listens on the host's address and loopback only."""
    port = view.layout.ports[view.role][0].number
    sockets = [line.split()[3] for line in host.check_output("ss -Hltn").splitlines()]
    listening = {address for address in sockets if address.endswith(f":{port}")}
    assert listening == {f"{view.host.address}:{port}", f"127.0.0.1:{port}"}
