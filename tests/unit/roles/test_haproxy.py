from __future__ import annotations

import re
from typing import Any

import pytest
from massive_deploy.roles.haproxy.desired import CONFIG, CUT, ways

from .database_stack import content, desired, view


def config(**options: Any) -> str:
    return content(desired("haproxy", "app-1", **options), CONFIG)


def section(text: str, head: str) -> list[str]:
    """The indented lines below a section's first line."""
    found = re.search(rf"^{head}\n((?:(?: +.*)?\n)*)", text, re.MULTILINE)
    assert found is not None, head
    return [line.strip() for line in found[1].splitlines() if line.strip()]


def test_aliases_of_one_cluster_share_its_two_ports() -> None:
    found = [(way.cluster.number, way.writes, way.reads) for way in ways(view("haproxy", "app-1", shards=2).layout)]
    assert found == [(1, 15002, 15003), (2, 15004, 15005)]
    assert len(set(re.findall(r"bind 127.0.0.1:(1500\d)", config(shards=2)))) == 4


def test_nothing_but_metrics_is_open_to_other_hosts() -> None:
    binds = re.findall(r"bind (\S+)", config())
    assert [bind for bind in binds if not bind.startswith("127.0.0.1:")] == ["10.0.2.1:8405"]


def test_writes_go_where_patroni_says_primary_in_an_answer_read_to_its_end() -> None:
    lines = section(config(), "backend leader-1")
    assert lines[1:4] == [
        "http-check send meth GET uri /primary",
        'http-check expect rstring "role\\": ?\\"primary\\""',
        "http-check expect status 200",
    ]
    assert lines[4:] == ["server db-1 10.0.1.1:5432 check port 8008", "server db-2 10.0.1.2:5432 check port 8008"]


@pytest.mark.parametrize(("wait", "connect", "tries"), [(45, 1000, 45), (45, 100, 450), (45, 3000, 45), (1, 1000, 3)])
def test_the_wait_for_a_leader_is_in_seconds_and_never_two_tries(wait: int, connect: int, tries: int) -> None:
    text = config(settings={"haproxy": {"leader_wait_seconds": wait, "connect_ms": connect}})
    assert section(text, "backend writes-1")[0] == f"retries {tries}"


def test_connections_wait_for_a_leader_longer_than_a_failover_takes() -> None:
    assert section(config(), "frontend writes-1")[-1] == "default_backend writes-1"
    assert section(config(), "backend writes-1") == [
        "retries 45",
        "server db-1 10.0.1.1:5432 track leader-1/db-1",
        "server db-2 10.0.1.2:5432 track leader-1/db-2",
        "server nobody 127.0.0.1:1 backup",
    ]


def test_reads_go_to_fit_replicas_then_to_any_fresh_one_then_to_the_leader() -> None:
    lines = section(config(), "frontend reads-1")
    assert lines[1:] == [
        "use_backend streaming-1 if { nbsrv(streaming-1) gt 0 }",
        "use_backend replicas-1 if { nbsrv(leader-1) eq 0 } { nbsrv(replicas-1) gt 0 }",
        "default_backend fallback-1",
    ]
    # The first backup that is up is used: a replica rather than nobody.
    assert section(config(), "backend fallback-1")[1:] == [
        "server db-1 10.0.1.1:5432 track leader-1/db-1",
        "server db-2 10.0.1.2:5432 track leader-1/db-2",
        "server db-1-replica 10.0.1.1:5432 track replicas-1/db-1 backup",
        "server db-2-replica 10.0.1.2:5432 track replicas-1/db-2 backup",
        "server nobody 127.0.0.1:1 backup",
    ]


def test_a_replica_beyond_a_limit_gets_no_reads() -> None:
    text = config(topology={"reads": {"max_lag": "4MiB"}})
    assert "http-check send meth OPTIONS uri /replica?lag=4194304" in section(text, "backend replicas-1")
    fit = section(text, "backend streaming-1")
    assert {"http-check send meth GET uri /reads", "http-check disable-on-404"} <= set(fit)
    assert fit[-1] == "server db-2 10.0.1.2:5432 check port 8009"


def test_no_session_outlives_its_server_and_no_client_hangs() -> None:
    lines = section(config(), "defaults")
    assert {"retries 3", "option redispatch 1"} <= set(lines)
    # Cut at once, a client that is just connecting would hang; cut.lua waits until its attempt has ended.
    assert not [line for line in config().splitlines() if "on-marked-down" in line and "6379" not in line]
    assert "local grace = 1300" in content(desired("haproxy", "app-1"), CUT)
    assert any(line.startswith("hard-stop-after") for line in section(config(), "global"))


def test_redis_is_reached_on_the_loopback_without_its_password() -> None:
    assert "server cache-1 10.0.3.1:6379 check on-marked-down shutdown-sessions" in section(config(), "backend redis")
    assert all(not one.secret for one in desired("haproxy", "app-1").files)


def test_descriptors_suffice_for_all_connections() -> None:
    drop_in = "/etc/systemd/system/haproxy.service.d/massive-deploy.conf"
    text = content(desired("haproxy", "app-1", settings={"haproxy": {"max_connections": 5000}}), drop_in)
    assert "LimitNOFILE=11000" in text
