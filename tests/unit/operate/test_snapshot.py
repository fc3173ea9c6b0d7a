"""What Prometheus is asked on the monitor host, and what is made of its answers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from massive_deploy.dashboards.services import Service
from massive_deploy.inventory import open_inventory
from massive_deploy.operate.snapshot import UNITS, UP, parse, ranges, script, step, without
from massive_deploy.operate.status import HostStatus, Unit, combine, urls
from massive_deploy.operate.status_page import table
from massive_deploy.topology.layout import Layout

TOPOLOGY = """
name: shop
stack: small
{more}
app: {{source: ., settings: shop.settings}}
"""
HOSTS = "hosts: {{web: {{address: 192.0.2.7, user: deploy{more}}}}}"


def layout(folder: Path, more: str = "target: docker\ndocker: {memory: 4GiB, subnet: 10.203.96.0/24}") -> Layout:
    (folder / "topology.yaml").write_text(TOPOLOGY.format(more=more), encoding="utf-8")
    return open_inventory(folder).layout


def answered(shown: Layout, folder: Path, answer: str) -> str:
    """What the script prints where curl answers so, whatever it is asked."""
    fake = folder / "curl"
    fake.write_text(f"#!/bin/sh\ncat <<'ANSWER'\n{answer}\nANSWER\n", encoding="utf-8")
    fake.chmod(0o755)
    (monitor,) = shown.running("monitoring")
    environment = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(
        ["sh", "-s"], input=script(shown, monitor), env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_every_query_of_the_overview_is_asked_and_found_again(tmp_path: Path) -> None:
    shown = layout(tmp_path)
    answer = json.dumps({"status": "success", "data": {"result": [{"metric": {}, "values": [[1, "2"]]}], "alerts": []}})
    found = parse(shown, answered(shown, tmp_path, answer))
    assert set(found.ranges) == set(ranges(shown))
    assert set(found.instants) == {UP, UNITS}
    assert all(result == [{"metric": {}, "values": [[1, "2"]]}] for result in found.ranges.values())
    assert found.end - found.start == 3600
    assert found.end % step(shown) == 0
    assert 0 <= found.at - found.end < step(shown) + 60
    assert "$range" not in " ".join(ranges(shown))
    assert "[60s]" in " ".join(ranges(shown))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("curl: (7) Failed to connect to 10.0.0.1 port 9090", r"curl: \(7\) Failed to connect"),
        ('{"status": "error", "error": "query timed out"}', "query timed out"),
        ("<html>", "<html>"),
        ("", "no answer"),
    ],
)
def test_what_came_instead_of_an_answer_is_said(answer: str, why: str, tmp_path: Path) -> None:
    shown = layout(tmp_path)
    with pytest.raises(ValueError, match=why):
        parse(shown, answered(shown, tmp_path, answer))


def test_a_connection_that_broke_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="incomplete"):
        parse(layout(tmp_path), "@@ times\n1 2 3\n")


def test_without_prometheus_states_are_the_hosts_own(tmp_path: Path) -> None:
    shown = layout(tmp_path)
    (host,) = shown.hosts
    units = (Unit("varnish", "loaded", "failed", "", ""), Unit("memcached", "loaded", "active", "", ""))
    running = [
        Service(host.name, "varnish", ("varnish.service",), True),
        Service(host.name, "memcached", ("memcached.service",), False),
        Service(host.name, "node_exporter", (), True),
        Service(host.name, "redis", ("redis-server.service",), True),
    ]
    found = without(shown, combine(shown, [HostStatus(host.name, units=units)]), running, "why")
    assert found.states == {
        host.name: "critical",
        f"{host.name} varnish": "critical",
        f"{host.name} memcached": "good",
        f"{host.name} node_exporter": "unknown",
        f"{host.name} redis": "unknown",
    }
    assert "(why)" in found.notice
    lost = without(shown, combine(shown, [HostStatus(host.name, "gone", units=units)]), running, "why")
    assert lost.states[f"{host.name} memcached"] == "unknown"


def test_what_hosts_say_is_escaped(tmp_path: Path) -> None:
    shown = layout(tmp_path)
    (host,) = shown.hosts
    text = table(combine(shown, [HostStatus(host.name, "<b>no</b>")]), "inv")
    assert "&lt;b&gt;no&lt;/b&gt;" in text
    assert "<b>" not in text


def test_a_monitor_behind_ssh_is_reached_through_it(tmp_path: Path) -> None:
    def command(more: str) -> str:
        return urls(layout(tmp_path, f"target: ssh\n{HOSTS.format(more=more)}"))["these by ssh, at localhost"]

    ports = "-L 9090:192.0.2.7:9090 -L 9093:192.0.2.7:9093"
    assert command("") == f"ssh -N {ports} deploy@192.0.2.7"
    assert command(", port: 2222, key: id_x") == f"ssh -N {ports} -p 2222 -i id_x deploy@192.0.2.7"
