"""Checks of pgPool-II on an app host."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from massive_deploy.environment import POOLER_ROLE, POOLER_SOCKET
from massive_deploy.topology.layout import Alias
from massive_deploy.verify.steady import eventually, stay_up
from massive_deploy.view import HostView

from .desired import Instance, instances, psql


def check_pgpool_and_its_keeper_stay_up(host: Any, view: HostView) -> None:
    """pgPool and its keeper are running, start at boot and have not restarted meanwhile"""
    found = instances(view.layout)
    stay_up(host, *(one.unit for one in found), *(one.keeper for one in found))


def check_pgpool_listens_on_the_loopback(host: Any, view: HostView) -> None:
    """pgPool is on its unix socket and the loopback only, its operators' door on a private socket only"""
    local = {line.split()[3] for line in host.check_output("ss -Hltn").splitlines()}
    for one in instances(view.layout):
        assert {address for address in local if address.endswith(f":{one.port}")} == {f"127.0.0.1:{one.port}"}
        assert host.file(f"{POOLER_SOCKET}/.s.PGSQL.{one.port}").is_socket
        assert host.file(one.run).mode & 0o007 == 0
    assert {address for address in local if address.endswith(":9898")} == set()


def check_pgpool_writes_reach_the_leader(host: Any, view: HostView) -> None:
    """each writable alias ends at its cluster's leader"""
    for one in instances(view.layout):
        for alias in one.aliases:
            if alias.writable:
                recovering, node = _leader(host, view, one, alias)
                assert (recovering, node in _addresses(one)) == ("f", True), f"{alias.name}: {node}"


def check_pgpool_reads_reach_a_replica(host: Any, view: HostView) -> None:
    """each reading alias ends at a replica that is fit for reads, or at the leader where there is none"""
    for one in instances(view.layout):
        writable = next(alias for alias in one.aliases if alias.writable)
        for alias in one.aliases:
            if not alias.writable:
                # Fitness and leader may change while they are asked.
                look = partial(_reads_well, host, view, one, (writable, alias))
                assert eventually(look, bool, 60), f"{alias.name} reads from a node that it should not read from"


def check_pgpool_promotes_nothing(host: Any, view: HostView) -> None:
    """the running pgPool leaves failover to Patroni, and reads its nodes directly"""
    for one in instances(view.layout):
        ask = (
            f"PGPASSFILE={one.folder}/pgpass PGCONNECT_TIMEOUT=5 psql -w -h {POOLER_SOCKET} -p {one.port}"
            f" -U {POOLER_ROLE} -d postgres -XAtq -c"
        )
        for name in ("failover_command", "follow_primary_command", "failback_command"):
            assert host.check_output(f"{ask} 'PGPOOL SHOW {name}'").strip() == "", name
        rows = [line.split("|") for line in host.check_output(f"{ask} 'SHOW POOL_NODES'").splitlines()]
        assert [row[1] for row in rows] == _addresses(one)


def check_pgpool_keeps_passwords_to_itself(host: Any, view: HostView) -> None:
    """only pgPool's user can read its passwords"""
    for one in instances(view.layout):
        for name in ("pool_passwd", "pcp.conf", "pcppass", "pgpass"):
            file = host.file(f"{one.folder}/{name}")
            assert (file.user, file.group, file.mode) == ("postgres", "postgres", 0o600), name


def _addresses(instance: Instance) -> list[str]:
    return [node.address for node in instance.cluster.hosts]


def _leader(host: Any, view: HostView, instance: Instance, alias: Alias) -> tuple[str, str]:
    query = "SELECT pg_is_in_recovery(), host(inet_server_addr())"
    recovering, node = host.check_output(f"{psql(instance, alias, view.layout.database)} -c %s", query).split("|")
    return recovering, node


def _reads_well(host: Any, view: HostView, instance: Instance, aliases: tuple[Alias, Alias]) -> bool:
    writable, reading = aliases
    _, leader = _leader(host, view, instance, writable)
    fit = {node for node in _addresses(instance) if node != leader and _is_fit(host, view, node)}
    query = "SELECT host(inet_server_addr())"
    node = host.check_output(f"{psql(instance, reading, view.layout.database)} -c %s", query).strip()
    return node in (fit or {leader})


def _is_fit(host: Any, view: HostView, address: str) -> bool:
    answer = host.run("curl -sS --max-time 5 %s", f"http://{address}:{view.layout.port('postgresql', 'reads')}/reads")
    try:
        told = json.loads(answer.stdout)
    except ValueError:
        return False
    return bool(isinstance(told, dict) and told.get("fit"))
