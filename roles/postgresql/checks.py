"""Checks of a node of a PostgreSQL cluster."""

from __future__ import annotations

import json
from typing import Any

from massive_deploy.verify.steady import eventually, stay_up
from massive_deploy.view import HostView

from .access import rules
from .dynamic import TIMING, dynamic
from .lag import UNIT
from .settings import CONFIG, METRICS, READS, REST, SQL
from .shards_common import link
from .sql import CLIENT, PSQL, sql_roles


def check_postgresql_stays_up(host: Any, view: HostView) -> None:  # noqa: ARG001
    """Patroni, the exporter and the lag service are running, start at boot and have not restarted meanwhile"""
    stay_up(host, "patroni", "prometheus-postgres-exporter", UNIT)


def check_postgresql_is_the_only_cluster(host: Any, view: HostView) -> None:  # noqa: ARG001
    """Debian's own cluster is gone and would not start at boot"""
    assert not host.service("postgresql").is_enabled
    assert host.check_output("pg_lsclusters -h") == ""


def check_postgresql_listens_where_it_should(host: Any, view: HostView) -> None:
    """PostgreSQL, Patroni, the exporter and the lag service listen on the host's address, not on all addresses"""
    local = {line.split()[3] for line in host.check_output("ss -Hltn").splitlines()}
    for port, loopback in ((SQL, True), (REST, False), (METRICS, False), (READS, False)):
        expected = {f"{view.host.address}:{port}"} | ({f"127.0.0.1:{port}"} if loopback else set())
        assert {address for address in local if address.endswith(f":{port}")} == expected


def check_postgresql_cluster_has_one_leader(host: Any, view: HostView) -> None:
    """the cluster has exactly one leader, and all its nodes are members"""
    nodes = sorted(node.name for node in view.cluster.hosts)

    def look() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = _rest(host, view, "cluster")["members"]
        return found

    # A member that was taken out is known for as long as its key lives.
    patience = TIMING[view.topology.failover.speed][0] + 10
    members = eventually(look, lambda seen: sorted(member["name"] for member in seen) == nodes, patience)
    assert sorted(member["name"] for member in members) == nodes
    assert [member["state"] for member in members if member["role"] == "leader"] == ["running"]


def check_postgresql_replicas_stream(host: Any, view: HostView) -> None:
    """on the leader: every other node streams, within the lag limit of failover; on a replica: it receives"""
    if _ask(host, "SELECT pg_is_in_recovery()") == "t":
        assert _ask(host, "SELECT status FROM pg_stat_wal_receiver") == "streaming"
        return
    query = (
        "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'"
        " AND pid NOT IN (SELECT active_pid FROM pg_replication_slots WHERE slot_type = 'logical' AND active)"
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
    assert live["postgresql"]["parameters"] == dynamic(view)["postgresql"]["parameters"]


def check_postgresql_needs_no_restart(host: Any, view: HostView) -> None:
    """no changed parameter waits for a restart"""
    assert _ask(host, "SELECT name FROM pg_settings WHERE pending_restart") == ""
    # A replica that runs with more than is wanted, as its leader did when it started: only Patroni knows.
    assert not _rest(host, view, "patroni").get("pending_restart")


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


def check_postgresql_replica_is_fit_for_reads(host: Any, view: HostView) -> None:
    """a replica's data are younger than `reads.max_age` and it takes reads; the leader says that it leads"""

    def look() -> dict[str, Any]:
        said = host.check_output(f"curl -sS --max-time 5 http://{view.host.address}:{READS}/reads")
        return dict(json.loads(said))

    patience = view.topology.reads.back_after + 15
    told = eventually(look, lambda seen: seen["role"] == "leader" or seen["fit"], patience)
    leads = _ask(host, "SELECT pg_is_in_recovery()") == "f"
    assert (told["role"], told["fit"]) == (("leader", False) if leads else ("replica", True)), told["why"]


def check_postgresql_heart_beats(host: Any, view: HostView) -> None:  # noqa: ARG001
    """the leader's heartbeat arrives here every second"""
    age = "SELECT extract(epoch FROM clock_timestamp() - at) < 5 FROM massive.heartbeat"
    assert _ask(host, age) == "t"


def check_postgresql_follows_the_common_data(host: Any, view: HostView) -> None:
    """a cluster's copy of the common data is whole, and its leader receives what is published"""
    sharding = view.topology.sharding
    if sharding is None or not sharding.common or view.cluster.number == 1:
        return
    name = view.layout.database

    def look() -> str:
        query = (
            "SELECT (SELECT count(*) > 0 AND bool_and(r.srsubstate = 'r') FROM pg_subscription_rel r"
            f"  JOIN pg_subscription s ON s.oid = r.srsubid WHERE s.subname = '{link(view.cluster.number)}'),"
            " pg_is_in_recovery() OR EXISTS (SELECT FROM pg_stat_subscription"
            f" WHERE subname = '{link(view.cluster.number)}' AND pid IS NOT NULL)"
        )
        return str(host.check_output(f"{CLIENT} -d %s -c %s", name, query)).strip()

    assert eventually(look, lambda seen: seen == "t|t", 30) == "t|t"


def _ask(host: Any, query: str) -> str:
    answer: str = host.check_output(f"{PSQL} -c %s", query)
    return answer.strip()


def _rest(host: Any, view: HostView, path: str) -> Any:
    return json.loads(host.check_output(f"curl -fsS --max-time 5 http://{view.host.address}:{REST}/{path}"))
