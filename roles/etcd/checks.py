"""Checks of a running etcd member."""

from __future__ import annotations

from typing import Any

from massive_deploy.verify.steady import stay_up
from massive_deploy.view import HostView

from .settings import CLIENT, METRICS, PEER


def check_etcd_stays_up(host: Any, view: HostView) -> None:  # noqa: ARG001
    """etcd is running, starts at boot and has not restarted meanwhile"""
    stay_up(host, "etcd")


def check_etcd_listens_where_it_should(host: Any, view: HostView) -> None:
    """etcd listens on the host's address and the loopback, not on all addresses"""
    for port in (CLIENT, PEER, METRICS):
        assert host.socket(f"tcp://{view.host.address}:{port}").is_listening
        assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening
        assert not host.socket(f"tcp://:::{port}").is_listening


def check_etcd_has_a_leader(host: Any, view: HostView) -> None:
    """the member sees a leader and answers linearizable reads"""
    health = host.check_output(f"curl -fsS --max-time 5 http://127.0.0.1:{CLIENT}/health")
    assert '"health":"true"' in health
    metrics = host.check_output(f"curl -fsS --max-time 5 http://{view.host.address}:{METRICS}/metrics")
    assert "\netcd_server_has_leader 1\n" in metrics


def check_etcd_refuses_strangers(host: Any, view: HostView) -> None:
    """nothing is read or written without a password"""
    url = f"http://{view.host.address}:{CLIENT}/v3/kv"
    for call, body in (("range", '{"key":"AA=="}'), ("put", '{"key":"AA==","value":"AA=="}')):
        assert "user name is empty" in host.run("curl -s --max-time 5 -d %s %s", body, f"{url}/{call}").stdout


def check_etcd_is_complete(host: Any, view: HostView) -> None:
    """the cluster has exactly the members of the layout"""
    listed = host.check_output(f"etcdctl --endpoints=http://127.0.0.1:{CLIENT} member list")
    assert sorted(line.split(", ")[2] for line in listed.splitlines()) == sorted(h.name for h in view.running("etcd"))
