"""Edges and sums: derived from the layout, and wrong ones refused with words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from massive_deploy.errors import InvalidInput
from massive_deploy.topology.edges import edges
from massive_deploy.topology.layout import Sum
from massive_deploy.topology.sums import problems, sums

from .fakes import ROLES, placed


def test_every_pair_of_callers_and_servers_has_its_edge() -> None:
    layout, _ = placed(app_servers=2, replicas=1)
    found = {(edge.source, edge.target) for edge in edges(layout) if edge.source_role == "pgbouncer"}
    assert found == {("app-1", "db-1"), ("app-1", "db-2"), ("app-2", "db-1"), ("app-2", "db-2")}
    peers = {(edge.source, edge.target) for edge in edges(layout) if edge.service == "peer"}
    assert ("db-1", "monitor-1") in peers
    assert len(peers) == 9


def test_the_monitor_reaches_every_port_with_metrics_and_no_other() -> None:
    layout, _ = placed()
    found = {(edge.target, edge.port) for edge in edges(layout) if edge.source_role == "monitoring"}
    assert found == {(host.name, 9100) for host in layout.hosts}


def test_calls_to_roles_of_other_stacks_are_left_out_but_unknown_ports_are_errors() -> None:
    layout, _ = placed()
    assert "search" not in {edge.target_role for edge in edges(layout)}
    wrong = replace(layout, calls={"app": ("redis.dta",)})
    with pytest.raises(InvalidInput, match=r"calls 'redis\.dta', but redis serves no port 'dta'.*redis serves data"):
        edges(wrong)


def test_edges_are_the_same_whatever_order_roles_are_found_in() -> None:
    layout, _ = placed()
    backwards = replace(layout, calls=dict(reversed(list(layout.calls.items()))))
    assert edges(backwards) == edges(layout)


def test_memory_of_each_host_is_added_up_over_its_roles() -> None:
    layout, _ = placed(docker={"memory": 256})
    found = {total.where: total for total in sums(layout, ROLES)}
    assert found["edge-1"].total == 200
    assert found["db-1"].formula == "node_exporter 100 + etcd 100 + postgresql 100"
    assert not found["db-1"].fits
    lines = [str(problem) for problem in problems(found.values(), "topology.yaml")]
    assert f"topology.yaml: db-1: memory in MiB: {found['db-1'].formula} = 300, more than 256" in "\n".join(lines)
    assert not [line for line in lines if "edge-1" in line]


def test_roles_bring_their_own_sums() -> None:
    clients = Sum("connections", "2 hosts x 60", 120, 100)
    roles = ROLES | {"pgbouncer": replace(ROLES["pgbouncer"], sums=lambda _layout: [clients])}
    layout, _ = placed()
    found = sums(layout, roles)
    assert clients in found
    assert "connections: 2 hosts x 60 = 120, more than 100" in str(problems(found, "topology.yaml")[0])
