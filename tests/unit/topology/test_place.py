"""Placing: everything has its place, what runs never moves, and what goes is named."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from massive_deploy.errors import InvalidInput
from massive_deploy.topology.layout import Host, Layout
from massive_deploy.topology.place import UNSEEN_MEMORY_MB
from massive_deploy.topology.placement import Placed, without

from .fakes import placed


def names(hosts: tuple[Host, ...], part: str = "") -> list[str]:
    return [host.name for host in hosts if not part or part in host.parts]


def clusters(layout: Layout) -> list[list[str]]:
    return [names(cluster.hosts) for cluster in layout.clusters]


def machines(count: int, **groups: str) -> dict[str, Any]:
    hosts = {f"m{n}": {"address": f"192.0.2.{n}"} for n in range(1, count + 1)}
    for name, group in groups.items():
        hosts[name]["group"] = group
    return {"target": "ssh", "hosts": hosts}


def test_the_massive_stack() -> None:
    layout, placement = placed(name="demo", docker={"cpus": 4, "memory": 2048})
    assert names(layout.hosts) == ["edge-1", "app-1", "app-2", "db-1", "db-2", "cache-1", "monitor-1"]
    assert [host.address.rpartition(".")[2] for host in layout.hosts] == ["11", "12", "13", "14", "15", "16", "17"]
    assert {(host.cpus, host.memory_mb) for host in layout.hosts} == {(4, 2048)}
    assert clusters(layout) == [["db-1", "db-2"]]
    assert names(layout.hosts, "quorum") == ["db-1", "db-2", "monitor-1"]
    assert layout.host("cache-1").parts == ("memcached", "redis")
    assert layout.leaving == ()
    assert list(placement.hosts) == names(layout.hosts)


def test_the_small_stack_has_everything_on_one_host() -> None:
    layout, _ = placed(stack="small", app_servers=1, replicas=0)
    [host] = layout.hosts
    assert set(host.parts) == {"edge", "app", "database", "memcached", "redis", "monitor", "quorum"}
    assert set(layout.roles) == {*layout.ports}
    assert all(running == ("all-1",) for running in layout.roles.values())


def test_roles_run_where_their_parts_are_and_only_when_wanted() -> None:
    layout, _ = placed(pooler="pgpool", cache={"memcached": 0})
    assert layout.roles["postgresql"] == ("db-1", "db-2")
    assert layout.roles["node_exporter"] == tuple(names(layout.hosts))
    assert "pgbouncer" not in layout.roles
    assert "memcached" not in layout.roles
    assert "memcached" not in layout.calls


def test_caches_share_hosts() -> None:
    layout, _ = placed(cache={"memcached": 3})
    assert names(layout.hosts, "memcached") == ["cache-1", "cache-2", "cache-3"]
    assert names(layout.hosts, "redis") == ["cache-1"]


def test_shards_are_clusters_and_quorum_is_spread() -> None:
    layout, _ = placed(shards=3, replicas=1)
    assert clusters(layout) == [["db-1", "db-2"], ["db-3", "db-4"], ["db-5", "db-6"]]
    assert names(layout.hosts, "quorum") == ["db-1", "cache-1", "monitor-1"]


STEPS: list[dict[str, Any]] = [
    {},
    {"app_servers": 4},
    {"app_servers": 4, "replicas": 2},
    {"app_servers": 4, "replicas": 2, "shards": 3},
    {"app_servers": 4, "replicas": 2, "shards": 3, "edge_servers": 2, "cache": {"memcached": 2}},
]


def test_growing_moves_nothing() -> None:
    placements = [placed()[1]]
    for step in STEPS:
        placements.append(placed(placements[-1], **step)[1])
    for before, after in pairwise(placements):
        for name, host in before.hosts.items():
            now = after.hosts[name]
            assert (now.address, now.cluster, now.number) == (host.address, host.cluster, host.number)
            assert set(host.parts) <= set(now.parts)
    addresses = [host.address for host in placements[-1].hosts.values()]
    assert len(set(addresses)) == len(addresses)


def test_placing_again_changes_nothing() -> None:
    layout, placement = placed(shards=2, replicas=2)
    assert placed(placement, shards=2, replicas=2) == (layout, placement)


def test_a_new_replica_joins_each_cluster() -> None:
    _, before = placed(shards=2, replicas=1)
    layout, _ = placed(before, shards=2, replicas=2)
    assert clusters(layout) == [["db-1", "db-2", "db-5"], ["db-3", "db-4", "db-6"]]


def test_shrinking_names_the_highest_numbers_of_each_cluster() -> None:
    _, before = placed(shards=2, replicas=2, app_servers=3)
    layout, after = placed(before, shards=2, replicas=1, app_servers=1)
    assert names(layout.leaving) == ["app-2", "app-3", "db-3", "db-6"]
    assert all(host.parts == () for host in layout.leaving)
    assert layout.host("db-4").cluster == 2
    assert set(after.hosts) == set(before.hosts)


def test_dropping_a_shard_drops_the_last_cluster() -> None:
    _, before = placed(shards=2, replicas=1)
    layout, _ = placed(before, shards=1, replicas=1)
    assert names(layout.leaving) == ["db-3", "db-4"]


def test_a_leaving_host_comes_back_and_its_address_is_not_given_away() -> None:
    _, before = placed(app_servers=3)
    _, shrunk = placed(before, app_servers=2)
    layout, grown = placed(shrunk, app_servers=2, edge_servers=2)
    assert grown.hosts["edge-2"].address not in {host.address for host in before.hosts.values()}
    layout, _ = placed(grown, app_servers=3, edge_servers=2)
    assert layout.leaving == ()
    removed = without(grown, ["app-3"])
    assert placed(removed, app_servers=3)[1].hosts["app-3"].address == before.hosts["app-3"].address


def test_the_quorum_replaces_only_members_that_leave() -> None:
    _, before = placed(replicas=2)
    layout, _ = placed(before, replicas=0)
    assert set(names(layout.hosts, "quorum")) == {"db-1", "monitor-1", "cache-1"}
    layout, _ = placed(before, replicas=2, shards=2)
    assert names(layout.hosts, "quorum") == ["db-1", "db-2", "monitor-1"]


def test_given_machines_fill_the_groups_in_order_and_named_groups_first() -> None:
    layout, placement = placed(**machines(7, m1="db", m7="edge"))
    groups = {host.name: host.group for host in layout.hosts}
    assert groups == {"m7": "edge", "m2": "app", "m3": "app", "m1": "db", "m4": "db", "m5": "cache", "m6": "monitor"}
    assert layout.host("m1").address == "192.0.2.1"
    assert {(host.cpus, host.memory_mb) for host in layout.hosts} == {(2, UNSEEN_MEMORY_MB)}
    assert placement.target == "ssh"


def test_given_machines_keep_their_place_and_recorded_size_when_others_come() -> None:
    _, before = placed(**machines(7))
    sized = before.model_copy(
        update={"hosts": {n: h.model_copy(update={"cpus": 8, "memory_mb": 16000}) for n, h in before.hosts.items()}}
    )
    layout, after = placed(sized, app_servers=3, **machines(9))
    assert {n: (h.group, h.cpus) for n, h in after.hosts.items() if n in before.hosts} == {
        n: (h.group, 8) for n, h in before.hosts.items()
    }
    assert after.hosts["m8"].group == "app"
    assert "m9" not in after.hosts
    assert layout.leaving == ()


def test_a_machine_that_is_no_longer_given_leaves_and_another_takes_its_place() -> None:
    given = machines(8)
    _, before = placed(**machines(7))
    lost = next(name for name, host in before.hosts.items() if host.group == "db")
    del given["hosts"][lost]
    layout, after = placed(before, **given)
    assert names(layout.leaving) == [lost]
    assert (after.hosts["m8"].group, after.hosts["m8"].cluster) == ("db", 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stack": "small", "app_servers": 1, "replicas": 0}, "which stack 'small' does not have"),
        ({"docker": {"subnet": "10.1.2.0/24"}}, "which is not in 10.1.2.0/24"),
        (machines(7), "recorded for target 'docker', the topology says 'ssh'"),
    ],
)
def test_what_would_move_running_hosts_is_refused(change: dict[str, Any], words: str) -> None:
    _, before = placed()
    with pytest.raises(InvalidInput, match=words):
        placed(before, **change)


def test_a_given_machine_cannot_change_its_group() -> None:
    _, before = placed(**machines(8, m1="edge"))
    with pytest.raises(InvalidInput, match="running hosts do not move"):
        placed(before, **machines(8, m1="db"))


def test_a_full_network_is_refused() -> None:
    _, before = placed()
    prefix = before.hosts["db-1"].address.rpartition(".")[0]
    taken = {f"old-{n}": Placed(group="app", number=n, address=f"{prefix}.{n}") for n in range(11, 255)}
    full = before.model_copy(update={"hosts": before.hosts | taken})
    with pytest.raises(InvalidInput, match="has no address left"):
        placed(full, edge_servers=2)
