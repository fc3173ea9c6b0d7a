from __future__ import annotations

import re
from typing import Any

from massive_deploy.roles.haproxy.desired import CONFIG, ways

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


def test_writes_go_where_patroni_says_primary() -> None:
    lines = section(config(), "backend leader-1")
    assert "http-check send meth OPTIONS uri /primary" in lines
    assert lines[-2:] == ["server db-1 10.0.1.1:5432 check port 8008", "server db-2 10.0.1.2:5432 check port 8008"]


def test_reads_go_to_streaming_replicas_then_to_any_fresh_one_then_to_the_leader() -> None:
    lines = section(config(), "frontend reads-1")
    assert lines[1:] == [
        "use_backend streaming-1 if { nbsrv(streaming-1) gt 0 }",
        "use_backend replicas-1 if { nbsrv(leader-1) eq 0 } { nbsrv(replicas-1) gt 0 }",
        "default_backend leader-1",
    ]


def test_a_replica_behind_the_lag_limit_gets_no_reads() -> None:
    text = config(topology={"reads": {"max_lag": "4MiB"}})
    for backend in ("streaming-1", "replicas-1"):
        assert "http-check send meth GET uri /replica?lag=4194304" in section(text, f"backend {backend}")
    pattern = next(line for line in section(text, "backend streaming-1") if "rstring" in line)
    assert "streaming" in pattern


def test_no_session_outlives_its_server_and_no_client_hangs() -> None:
    lines = section(config(), "defaults")
    assert {"retries 3", "option redispatch 1"} <= set(lines)
    assert any("on-marked-down shutdown-sessions" in line for line in lines)
    assert any(line.startswith("hard-stop-after") for line in section(config(), "global"))


def test_redis_is_reached_on_the_loopback_without_its_password() -> None:
    assert "server cache-1 10.0.3.1:6379 check" in section(config(), "backend redis")
    assert all(not one.secret for one in desired("haproxy", "app-1").files)


def test_descriptors_suffice_for_all_connections() -> None:
    drop_in = "/etc/systemd/system/haproxy.service.d/massive-deploy.conf"
    text = content(desired("haproxy", "app-1", settings={"haproxy": {"max_connections": 5000}}), drop_in)
    assert "LimitNOFILE=11000" in text
