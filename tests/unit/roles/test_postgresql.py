from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from massive_deploy.roles.postgresql.access import rules
from massive_deploy.roles.postgresql.capacity import memory, sums
from massive_deploy.roles.postgresql.dynamic import dynamic
from massive_deploy.roles.postgresql.scram import verifier
from massive_deploy.roles.postgresql.settings import CONFIG
from massive_deploy.roles.postgresql.sql import identifier, literal
from ruamel.yaml import YAML

from massive_deploy.desired import Desired

from .database_stack import content, desired, renderer, secret, shown, task, view

LIVE = "Patroni's live configuration"


def config(host: str = "db-1", **options: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(content(desired("postgresql", host, **options), CONFIG))
    return loaded


def position(wanted: Desired, name: str) -> int:
    return [one.name for one in wanted.tasks].index(name)


def test_each_cluster_has_a_scope_of_its_own_in_the_inventorys_namespace() -> None:
    told = [config(host, shards=2) for host in ("db-1", "db-2", "db-3", "db-4")]
    assert [one["scope"] for one in told] == ["trial-1", "trial-1", "trial-2", "trial-2"]
    assert [one["name"] for one in told] == ["db-1", "db-2", "db-3", "db-4"]
    assert {one["namespace"] for one in told} == {"/massive/trial/"}


def test_patroni_and_postgresql_listen_on_the_hosts_address() -> None:
    told = config("db-2")
    assert told["restapi"]["listen"] == "10.0.1.2:8008"
    assert told["postgresql"]["listen"] == "10.0.1.2,127.0.0.1:5432"
    assert told["etcd3"]["hosts"] == ["10.0.1.1:2379", "10.0.1.2:2379", "10.0.2.1:2379"]


def test_the_data_is_never_in_debians_default_cluster() -> None:
    assert config()["postgresql"]["data_dir"] == "/var/lib/postgresql/17/patroni"


def test_new_clusters_have_checksums_and_a_locale_that_no_upgrade_changes() -> None:
    initdb = config()["bootstrap"]["initdb"]
    assert "data-checksums" in initdb
    assert {"locale-provider": "builtin"} in initdb
    assert {"builtin-locale": "C.UTF-8"} in initdb


@pytest.mark.parametrize(("speed", "timing"), [("fast", (20, 2, 9)), ("normal", (30, 5, 10)), ("safe", (60, 10, 20))])
def test_failover_speed_becomes_timing_that_patroni_accepts(speed: str, timing: tuple[int, int, int]) -> None:
    told = dynamic(view("postgresql", "db-1", topology={"failover": {"speed": speed}}))
    ttl, loop, retry = (told[key] for key in ("ttl", "loop_wait", "retry_timeout"))
    assert (ttl, loop, retry) == timing
    assert loop + 2 * retry <= ttl


@pytest.mark.parametrize(
    ("wish", "replicas", "mode", "strict"),
    [
        ("auto", 1, False, False),
        ("auto", 2, "quorum", False),
        ("off", 2, False, False),
        ("quorum", 1, "quorum", False),
        ("strict", 2, "quorum", True),
    ],
)
def test_synchronous_commit(wish: str, replicas: int, mode: str | bool, strict: bool) -> None:
    told = dynamic(view("postgresql", "db-1", replicas=replicas, topology={"failover": {"synchronous": wish}}))
    assert (told["synchronous_mode"], told["synchronous_mode_strict"]) == (mode, strict)


def test_a_crashed_leader_is_replaced_and_an_etcd_outage_survived() -> None:
    told = dynamic(view("postgresql", "db-1"))
    assert (told["primary_start_timeout"], told["failsafe_mode"], told["check_timeline"]) == (0, True, True)
    assert told["maximum_lag_on_failover"] == 1024 * 1024
    assert told["postgresql"]["use_pg_rewind"] is True


def test_bootstrap_and_live_configuration_are_the_same() -> None:
    wanted = desired("postgresql", "db-1")
    assert json.loads(task(wanted, LIVE).want) == config()["bootstrap"]["dcs"]


def test_users_parameters_come_before_ours() -> None:
    own = {"postgresql": {"parameters": {"work_mem": "7MB", "jit": "on"}}}
    told = config(settings=own)
    assert "work_mem" not in told["postgresql"]["parameters"]
    assert told["bootstrap"]["dcs"]["postgresql"]["parameters"]["work_mem"] == "7MB"
    assert told["bootstrap"]["dcs"]["postgresql"]["parameters"]["jit"] == "on"


def test_only_the_layouts_edges_are_let_in() -> None:
    assert rules(view("postgresql", "db-1")) == [
        "local all postgres peer",
        "local postgres,trial massive_monitor peer map=monitor",
        "host replication massive_replication 127.0.0.1/32 scram-sha-256",
        "host replication massive_replication 10.0.1.1/32 scram-sha-256",
        "host replication massive_replication 10.0.1.2/32 scram-sha-256",
        "host postgres massive_rewind 127.0.0.1/32 scram-sha-256",
        "host postgres massive_rewind 10.0.1.1/32 scram-sha-256",
        "host postgres massive_rewind 10.0.1.2/32 scram-sha-256",
        "host trial trial 10.0.2.1/32 scram-sha-256",
        "host trial trial 10.0.2.2/32 scram-sha-256",
    ]


def test_a_cluster_does_not_let_in_another_clusters_nodes() -> None:
    assert not [rule for rule in rules(view("postgresql", "db-1", shards=2)) if "10.0.1.3" in rule]


def test_the_default_cluster_is_touched_only_before_anything_starts_and_only_if_never_used() -> None:
    wanted = desired("postgresql", "db-1")
    refuse, drop = wanted.tasks[0], wanted.tasks[1]
    assert (refuse.before_units, drop.before_units) == (True, True)
    assert refuse.run.endswith("false")
    for script in (drop.observe, drop.run):
        assert "[ ! -e /var/lib/postgresql/17/main/postmaster.opts ]" in script
    assert "--stop" not in drop.run


def test_patroni_is_reloaded_never_restarted() -> None:
    (unit,) = (one for one in desired("postgresql", "db-1").units if one.name == "patroni")
    assert (unit.restart_on, unit.reload_on) == ((), (CONFIG,))


def test_sql_comes_after_the_cluster_is_in_place() -> None:
    wanted = desired("postgresql", "db-1")
    places = [position(wanted, name) for name in ("PostgreSQL in place", LIVE, "SQL roles", "database trial")]
    assert places == sorted(places)


def test_every_node_waits_for_the_same_sql_state() -> None:
    leader, replica = desired("postgresql", "db-1"), desired("postgresql", "db-2")
    for name in ("SQL roles", "database trial", "statement statistics"):
        assert (task(leader, name).observe, task(leader, name).want) == (
            task(replica, name).observe,
            task(replica, name).want,
        )
        assert 'if [ "$recovering" = f ]' in task(replica, name).run


def test_no_password_is_in_a_statement_or_can_be_seen() -> None:
    wanted = desired("postgresql", "db-1")
    statements = task(wanted, "SQL roles").stdin
    for name in ("app", "replication", "rewind", "rest", "superuser"):
        password = secret(f"postgresql/{name}")
        assert password not in statements
        assert password not in shown(wanted)
    assert statements.count("PASSWORD 'SCRAM-SHA-256$4096:") == 3
    assert not re.search(r"SCRAM-SHA-256\$", shown(wanted))


def test_patronis_configuration_is_postgres_own() -> None:
    (told,) = (one for one in desired("postgresql", "db-1").files if one.path == CONFIG)
    assert (told.mode, told.owner, told.group, told.secret) == (0o600, "postgres", "postgres", True)


def test_a_changed_password_changes_what_is_waited_for() -> None:
    first = verifier("a" * 32, b"0123456789abcdef")
    assert first == verifier("a" * 32, b"0123456789abcdef")
    assert first != verifier("b" * 32, b"0123456789abcdef")


def test_verifier_against_the_example_of_rfc_7677() -> None:
    text = verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert text == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_quoting() -> None:
    assert identifier('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"


@pytest.mark.parametrize("memory_mb", [512, 1024, 4096, 262_144])
def test_sizes_follow_the_host(memory_mb: int) -> None:
    told = config(memory_mb=memory_mb)["postgresql"]["parameters"]
    buffers = int(told["shared_buffers"].removesuffix("MB"))
    assert buffers == memory_mb * 20 // 100
    assert 2 <= int(told["work_mem"].removesuffix("MB")) <= 64
    layout = renderer(memory_mb=memory_mb).view("postgresql", "db-1").layout
    assert all(one.fits for one in sums(layout))
    assert memory(layout, layout.host("db-1")) <= memory_mb
