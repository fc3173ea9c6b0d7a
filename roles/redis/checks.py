"""Checks of the redis role."""

from __future__ import annotations

from typing import Any

from massive_deploy.view import HostView

PASSWORD = "/etc/massive-deploy/redis-password"  # noqa: S105 - a path


def _ask(host: Any, view: HostView, *words: str) -> str:
    command = " ".join(words)
    script = f'REDISCLI_AUTH="$(cat {PASSWORD})" redis-cli -h {view.host.address} {command}'
    return str(host.check_output("sh -c %s", script))


def check_redis_runs_and_starts_at_boot(host: Any, view: HostView) -> None:  # noqa: ARG001
    """The unit is active and enabled."""
    redis = host.service("redis-server")
    assert redis.is_running
    assert redis.is_enabled


def check_redis_answers_with_the_password(host: Any, view: HostView) -> None:
    """PING is answered."""
    assert _ask(host, view, "ping") == "PONG"


def check_redis_refuses_strangers(host: Any, view: HostView) -> None:
    """Without the password nothing is answered."""
    assert "NOAUTH" in host.run("redis-cli -h %s ping", view.host.address).stdout


def check_redis_never_evicts_and_writes_to_disk(host: Any, view: HostView) -> None:
    """noeviction with the append-only file on."""
    assert "maxmemory_policy:noeviction" in _ask(host, view, "info", "memory")
    assert "aof_enabled:1" in _ask(host, view, "info", "persistence")


def check_redis_password_is_private(host: Any, view: HostView) -> None:  # noqa: ARG001
    """Nobody but root and redis reads a file with the password."""
    assert host.file(PASSWORD).mode == 0o600
    assert host.file("/etc/redis/redis.conf").mode == 0o640


def check_redis_metrics_are_served(host: Any, view: HostView) -> None:
    """The exporter reaches Redis."""
    assert "redis_up 1" in host.check_output("curl -fsS http://%s:9121/metrics", view.host.address)
