"""Checks of a node of a PostgreSQL cluster."""

from __future__ import annotations

import json
from typing import Any

from massive_deploy.verify.steady import stay_up
from massive_deploy.view import HostView

from .access import rules
from .dynamic import dynamic
from .settings import CONFIG, METRICS, REST, SQL
from .sql import PSQL, sql_roles


def check_postgresql_stays_up(host: Any, view: HostView) -> None:  # noqa: ARG001
    """Patroni and the exporter are running, start at boot and have not restarted meanwhile"""
    stay_up(host, "patroni", "prometheus-postgres-exporter")


def check_postgresql_is_the_only_cluster(host: Any, view: HostView) -> None:  # noqa: ARG001
    """Debian's own cluster is gone and would not start at boot"""
    assert not host.service("postgresql").is_enabled
    assert host.check_output("pg_lsclusters -h") == ""


def check_postgresql_listens_where_it_should(host: Any, view: HostView) -> None:
    """PostgreSQL, Patroni and the exporter listen on the host's address, not on all addresses"""
    local = {line.split()[3] for line in host.check_output("ss -Hltn").splitlines()}
    for port, loopback in ((SQL, True), (REST, False), (METRICS, False)):
        expected = {f"{view.host.address}:{port}"} | ({f"127.0.0.1:{port}"} if loopback else set())
        assert {address for address in local if address.endswith(f":{port}")} == expected


def check_postgresql_cluster_has_one_leader(host: Any, view: HostView) -> None:
    """the cluster has exactly one leader, and all its nodes are members"""
    members = _rest(host, view, "cluster")["members"]
    assert sorted(member["name"] for member in members) == sorted(node.name for node in view.cluster.hosts)
    assert [member["state"] for member in members if member["role"] == "leader"] == ["running"]


def check_postgresql_replicas_stream(host: Any, view: HostView) -> None:
    """on the leader: every other node streams, within the lag limit of failover; on a replica: it receives"""
    if _ask(host, "SELECT pg_is_in_recovery()") == "t":
        assert _ask(host, "SELECT status FROM pg_stat_wal_receiver") == "streaming"
        return
    query = (
        "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'"
        f" AND pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) <= {view.topology.failover.max_lag} ORDER BY 1"
    )
    others = sorted(node.name for node in view.cluster.hosts if node.name != view.host.name)
    assert _ask(host, query).split() == others


def check_postgresql_is_not_paused(host: Any, view: HostView) -> None:
    """Patroni is not paused and holds the configuration of the topology"""
    live = _rest(host, view, "config")
    assert not live.get("pause")
    for key, value in dynamic(view).items():
        if key != "postgresql":
            assert live.get(key) == value, key


def check_postgresql_needs_no_restart(host: Any, view: HostView) -> None:  # noqa: ARG001
    """no changed parameter waits for a restart"""
    assert _ask(host, "SELECT name FROM pg_settings WHERE pending_restart") == ""


def check_postgresql_has_checksums(host: Any, view: HostView) -> None:  # noqa: ARG001
    """data pages carry checksums; passwords are kept as SCRAM verifiers"""
    assert _ask(host, "SHOW data_checksums") == "on"
    assert _ask(host, "SELECT count(*) FROM pg_authid WHERE rolpassword NOT LIKE 'SCRAM-SHA-256%'") == "0"


def check_postgresql_lets_in_only_the_layout(host: Any, view: HostView) -> None:
    """pg_hba.conf holds the layout's edges and nothing else, without errors"""
    lines = host.check_output(f"cat {view.settings.data}/pg_hba.conf").splitlines()
    assert [line for line in lines if line.strip() and not line.startswith("#")] == rules(view)
    assert _ask(host, "SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL") == "0"


def check_postgresql_has_its_roles(host: Any, view: HostView) -> None:
    """the roles and the project's database exist on this node"""
    names = {role.name for role in sql_roles(view)}
    assert names <= set(_ask(host, "SELECT rolname FROM pg_roles").split())
    query = f"SELECT datdba::regrole FROM pg_database WHERE datname = '{view.layout.database}'"
    assert _ask(host, query) == view.layout.database


def check_postgresql_keeps_its_secrets(host: Any, view: HostView) -> None:  # noqa: ARG001
    """only postgres can read Patroni's configuration"""
    config = host.file(CONFIG)
    assert (config.user, config.mode) == ("postgres", 0o600)


def check_postgresql_refuses_strangers(host: Any, view: HostView) -> None:
    """Patroni's REST interface takes no orders without a password"""
    command = "curl -s -o /dev/null -w '%{http_code}' --max-time 5 -X PATCH -d '{}' "
    assert host.check_output(f"{command}http://{view.host.address}:{REST}/config") == "401"


def check_postgresql_is_measured(host: Any, view: HostView) -> None:
    """the exporter reaches PostgreSQL"""
    # The first answer after a restart of PostgreSQL comes over the exporter's old, dead connection.
    scrape = f"curl -fsS --max-time 5 http://{view.host.address}:{METRICS}/metrics"
    host.check_output(scrape)
    assert "\npg_up 1\n" in host.check_output(scrape)


def _ask(host: Any, query: str) -> str:
    answer: str = host.check_output(f"{PSQL} -c %s", query)
    return answer.strip()


def _rest(host: Any, view: HostView, path: str) -> Any:
    return json.loads(host.check_output(f"curl -fsS --max-time 5 http://{view.host.address}:{REST}/{path}"))
