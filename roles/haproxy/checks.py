"""Checks of HAProxy on an app host."""

from __future__ import annotations

from typing import Any

from massive_deploy.verify.steady import eventually, stay_up
from massive_deploy.view import HostView

from .desired import CONFIG, ways
from .settings import METRICS


def check_haproxy_stays_up(host: Any, view: HostView) -> None:  # noqa: ARG001
    """HAProxy is running, starts at boot and has not restarted meanwhile"""
    stay_up(host, "haproxy")


def check_haproxy_configuration_is_valid(host: Any, view: HostView) -> None:  # noqa: ARG001
    """the configuration on disk is valid"""
    assert host.run(f"haproxy -c -q -f {CONFIG}").rc == 0


def check_haproxy_listens_on_the_loopback(host: Any, view: HostView) -> None:
    """the databases' ports are open on the loopback only, the metrics on the host's address only"""
    listening = host.check_output("ss -Hltn").splitlines()
    local = {line.split()[3] for line in listening}
    for way in ways(view.layout):
        for port in (way.writes, way.reads):
            assert {address for address in local if address.endswith(f":{port}")} == {f"127.0.0.1:{port}"}
    assert {address for address in local if address.endswith(f":{METRICS}")} == {f"{view.host.address}:{METRICS}"}


def check_haproxy_knows_one_leader_each(host: Any, view: HostView) -> None:
    """of every cluster exactly one node takes writes"""
    metrics = host.check_output(f"curl -fsS --max-time 5 http://{view.host.address}:{METRICS}/metrics")
    for way in ways(view.layout):
        assert f'haproxy_backend_active_servers{{proxy="leader-{way.cluster.number}"}} 1\n' in metrics


def check_haproxy_reads_from_replicas(host: Any, view: HostView) -> None:
    """of every cluster all nodes but the leader take reads"""
    scrape = f"curl -fsS --max-time 5 http://{view.host.address}:{METRICS}/metrics"
    wanted = [
        f'haproxy_backend_active_servers{{proxy="streaming-{way.cluster.number}"}} {len(way.cluster.hosts) - 1}\n'
        for way in ways(view.layout)
    ]

    def missing() -> list[str]:
        metrics = host.check_output(scrape) + "\n"
        return [line for line in wanted if line not in metrics]

    # A replica that was late comes back after a while within the limits.
    assert eventually(missing, lambda lines: not lines, view.topology.reads.back_after + 15) == []


def check_haproxy_lets_no_client_hang(host: Any, view: HostView) -> None:  # noqa: ARG001
    """a connection is tried elsewhere often enough: with two retries, clients of a dying leader hang for ever"""
    retries = [int(line.split()[1]) for line in host.file(CONFIG).content_string.splitlines() if "retries " in line]
    assert min(retries) >= 3
    assert "option redispatch 1" in host.file(CONFIG).content_string
