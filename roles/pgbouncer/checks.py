"""Checks of pgbouncer on an app host."""

from __future__ import annotations

from functools import partial
from typing import Any

from massive_deploy.topology.layout import Alias
from massive_deploy.verify.steady import eventually, stay_up
from massive_deploy.view import HostView

from .capacity import pool_size
from .desired import CONSOLE, FOLDER
from .settings import METRICS, PORT, SOCKETS


def check_pgbouncer_stays_up(host: Any, view: HostView) -> None:  # noqa: ARG001
    """pgbouncer and its exporter are running, start at boot and have not restarted meanwhile"""
    stay_up(host, "pgbouncer", "prometheus-pgbouncer-exporter")


def check_pgbouncer_listens_on_the_loopback(host: Any, view: HostView) -> None:
    """pgbouncer is on its unix socket and the loopback, the exporter on the host's address only"""
    local = {line.split()[3] for line in host.check_output("ss -Hltn").splitlines()}
    assert {address for address in local if address.endswith(f":{PORT}")} == {f"127.0.0.1:{PORT}"}
    assert {address for address in local if address.endswith(f":{METRICS}")} == {f"{view.host.address}:{METRICS}"}
    assert host.file(f"{SOCKETS}/.s.PGSQL.{PORT}").is_socket


def check_pgbouncer_aliases_reach_the_leader(host: Any, view: HostView) -> None:
    """each writable alias ends at its cluster's leader"""
    for alias in view.layout.aliases:
        if alias.writable:
            recovering, node = _where(host, view, alias)
            assert (recovering, node in _addresses(view, alias)) == ("f", True), f"{alias.database}: {node}"


def check_pgbouncer_aliases_reach_a_replica(host: Any, view: HostView) -> None:
    """each reading alias ends at a replica of its cluster, or at the leader where there are no replicas"""
    # After a failover reads stay with the leader until the pooler's connections have been renewed.
    patience = 2 * view.settings.server_lifetime_seconds + 10
    for alias in view.layout.aliases:
        if not alias.writable:
            nodes = _addresses(view, alias)
            expected = "t" if len(nodes) > 1 else "f"
            recovering, node = eventually(partial(_where, host, view, alias), partial(_is, expected), patience)
            assert (recovering, node in nodes) == (expected, True), f"{alias.database}: {node}"


def check_pgbouncer_pools_transactions(host: Any, view: HostView) -> None:
    """the running configuration pools transactions, with the pool size of the sums"""
    rows = dict(line.split("|")[:2] for line in host.check_output(f"{CONSOLE} -c 'SHOW CONFIG'").splitlines())
    assert rows["pool_mode"] == "transaction"
    assert rows["default_pool_size"] == str(pool_size(view.layout))
    assert rows["server_login_retry"] == "0.1"


def check_pgbouncer_keeps_the_password_to_itself(host: Any, view: HostView) -> None:  # noqa: ARG001
    """only pgbouncer's user can read the password"""
    users = host.file(f"{FOLDER}/userlist.txt")
    assert (users.user, users.group, users.mode) == ("postgres", "postgres", 0o640)


def check_pgbouncer_is_measured(host: Any, view: HostView) -> None:
    """the exporter reaches pgbouncer"""
    metrics = host.check_output(f"curl -fsS --max-time 5 http://{view.host.address}:{METRICS}/metrics")
    assert "\npgbouncer_up 1\n" in metrics


def _addresses(view: HostView, alias: Alias) -> list[str]:
    return [node.address for cluster in view.clusters if cluster.number == alias.cluster for node in cluster.hosts]


def _is(recovering: str, seen: tuple[str, str]) -> bool:
    return seen[0] == recovering


def _where(host: Any, view: HostView, alias: Alias) -> tuple[str, str]:
    query = "SELECT pg_is_in_recovery(), host(inet_server_addr())"
    user = view.layout.shards_role if alias.shard else view.layout.database
    command = f"PGCONNECT_TIMEOUT=5 psql -h {SOCKETS} -p {PORT} -U {user} -d {alias.database} -XAtq -c %s"
    recovering, node = host.check_output(command, query).split("|")
    return recovering, node
