"""Checks of the memcached role."""

from __future__ import annotations

from typing import Any

from massive_deploy.view import HostView


def check_memcached_runs_and_starts_at_boot(host: Any, view: HostView) -> None:  # noqa: ARG001
    """The unit is active and enabled."""
    memcached = host.service("memcached")
    assert memcached.is_running
    assert memcached.is_enabled


def check_memcached_listens_on_its_own_address_only(host: Any, view: HostView) -> None:
    """TCP on the host's address; neither UDP nor every interface."""
    assert host.socket(f"tcp://{view.host.address}:11211").is_listening
    assert not host.socket("tcp://0.0.0.0:11211").is_listening
    assert not host.socket(f"udp://{view.host.address}:11211").is_listening


def check_memcached_keeps_what_it_is_given(host: Any, view: HostView) -> None:
    """An item that was set is read back."""
    talk = 'printf "set massive-deploy-check 0 5 2\\r\\nok\\r\\nget massive-deploy-check\\r\\nquit\\r\\n" >&3; cat <&3'
    answer = host.run("bash -c %s", f"exec 3<>/dev/tcp/{view.host.address}/11211; {talk}")
    assert "STORED" in answer.stdout
    assert "VALUE massive-deploy-check 0 2" in answer.stdout


def check_memcached_metrics_are_served(host: Any, view: HostView) -> None:
    """The exporter reaches memcached."""
    port = view.layout.port(view.role, "metrics")
    said = host.check_output("curl -fsS %s", f"http://{view.host.address}:{port}/metrics")
    assert "memcached_up 1" in said
    assert "memcached_limit_bytes" in said
