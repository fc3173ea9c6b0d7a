from __future__ import annotations

from .web_stack import desired, file

PASSWORD = "secret of redis/password"


def test_nothing_is_evicted_and_every_write_is_on_disk() -> None:
    config = file(desired("redis", "cache-1"), "/etc/redis/redis.conf").content.splitlines()
    assert {"bind 192.0.2.3", "maxmemory 81mb", "maxmemory-policy noeviction", "appendonly yes"} <= set(config)


def test_the_password_is_in_private_files_alone() -> None:
    wanted = desired("redis", "cache-1")
    with_password = [one for one in wanted.files if PASSWORD in one.content]
    assert [(one.mode, one.secret) for one in with_password] == [(0o640, True), (0o600, True), (0o600, True)]
    assert all(PASSWORD not in gate.command for gate in wanted.gates)


def test_the_exporter_listens_where_prometheus_asks() -> None:
    exporter = file(desired("redis", "cache-1"), "/etc/default/prometheus-redis-exporter").content
    assert "-web.listen-address=192.0.2.3:9121 -redis.addr=redis://192.0.2.3:6379" in exporter
