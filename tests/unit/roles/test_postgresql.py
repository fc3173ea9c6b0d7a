from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
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


def answering(folder: Path, answers: Mapping[str, Any], script: str, stdin: str = "") -> str:
    """What the script prints where `curl` finds these answers of Patroni (by the last part of their path), `psql` has
    the names of what is read at a start, and what is sent lands in a file `sent`."""
    folder.mkdir(exist_ok=True)
    for path, answer in answers.items():
        (folder / path).write_text(json.dumps(answer), encoding="utf-8")
    fakes = {
        "curl": f"""#!/bin/sh
for word; do
  case $word in
    http*) cat "{folder}/${{word##*/}}"; exit ;;
    --data) send=1 ;;
    *) [ -z "$send" ] || {{ printf '%s' "$word" >"{folder}/sent"; send=; }} ;;
  esac
done
cat >"{folder}/stdin"; printf 200
""",
        "runuser": "#!/bin/sh\nprintf 'max_connections\\nshared_buffers\\nwal_level\\nmax_prepared_transactions\\n'\n",
    }
    for name, text in fakes.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    script = script.replace("/etc/patroni", str(folder))
    done = subprocess.run(
        ["sh", "-c", f"PATH={folder}:$PATH\n{script}"], input=stdin, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def live_with(**parameters: Any) -> dict[str, Any]:
    """The live configuration as wanted, but for these parameters (None: away), and with a key set by hand."""
    found: dict[str, Any] = json.loads(task(desired("postgresql", "db-1"), LIVE).want)
    mine = found["postgresql"]["parameters"] | parameters
    found["postgresql"]["parameters"] = {name: value for name, value in mine.items() if value is not None}
    return found | {"member_slots_ttl": "1h"}


@pytest.mark.parametrize("parameters", [{"track_io_timing": "on"}, {"max_connections": 7}, {"jit": None}])
def test_drift_of_any_parameter_is_seen_and_foreign_keys_are_let_be(tmp_path: Path, parameters: Any) -> None:
    wanted = task(desired("postgresql", "db-1"), LIVE)
    assert answering(tmp_path, {"config": live_with()}, wanted.observe) == wanted.want
    seen = answering(tmp_path, {"config": live_with(**parameters)}, wanted.observe)
    assert seen != wanted.want
    there = {name: value for name, value in json.loads(seen)["postgresql"]["parameters"].items() if value is not None}
    assert there == live_with(**parameters)["postgresql"]["parameters"]
    assert "member_slots_ttl" not in seen


def test_a_parameter_that_is_no_longer_wanted_is_sent_as_null(tmp_path: Path) -> None:
    wanted = task(desired("postgresql", "db-1"), LIVE)
    script = f"run() {{\n{wanted.run}\n}}\nset -eu\nrun"
    answering(tmp_path, {"config": live_with(track_io_timing="on", jit=None)}, script, wanted.stdin)
    sent = json.loads((tmp_path / "sent").read_text(encoding="utf-8"))
    assert sent["postgresql"]["parameters"].pop("track_io_timing", "missing") is None
    assert sent == json.loads(wanted.want)
    assert secret("postgresql/rest") in (tmp_path / "stdin").read_text(encoding="utf-8")
    assert secret("postgresql/rest") not in (tmp_path / "sent").read_text(encoding="utf-8")


RUNS: dict[str, Any] = {"state": "running"}
WAITS = {"state": "running", "pending_restart": True, "pending_restart_reason": {"wal_level": {"old_value": "replica"}}}


@pytest.mark.parametrize(
    ("patroni", "parameters", "buffers", "said"),
    [
        (RUNS, {}, "204MB", ""),
        (WAITS, {}, "204MB", "restart PostgreSQL (wal_level)"),
        ({"state": "running", "pending_restart": True}, {}, "204MB", "restart PostgreSQL (?)"),
        (RUNS, {"max_connections": 7}, "204MB", "restart PostgreSQL (max_connections)"),
        (RUNS, {"max_prepared_transactions": 7}, "204MB", "restart PostgreSQL (max_prepared_transactions)"),
        (RUNS, {"random_page_cost": 4}, "204MB", ""),
        (RUNS, {}, "128MB", "restart PostgreSQL (shared_buffers)"),
        (WAITS, {"max_connections": 7}, "128MB", "restart PostgreSQL (max_connections, shared_buffers, wal_level)"),
    ],
)
def test_the_plan_knows_what_waits_for_a_restart_and_what_will(
    tmp_path: Path, patroni: Any, parameters: Any, buffers: str, said: str
) -> None:
    (tmp_path / "config.yml").write_text(f'postgresql:\n  parameters:\n    shared_buffers: "{buffers}"\n')
    asked = task(desired("postgresql", "db-1"), "restart PostgreSQL")
    answers = {"patroni": patroni, "config": live_with(**parameters)}
    assert answering(tmp_path, answers, asked.observe) == said
    assert (asked.want, asked.in_turn) == ("", True)


def test_a_node_that_does_not_answer_waits_for_nothing(tmp_path: Path) -> None:
    assert answering(tmp_path, {}, task(desired("postgresql", "db-1"), "restart PostgreSQL").observe) == ""


def test_what_failover_rests_on() -> None:
    told = dynamic(view("postgresql", "db-1", replicas=2))
    parameters = told["postgresql"]["parameters"]
    assert parameters["wal_log_hints"] == "on"
    # With its default of a minute a replica takes as long to see that its leader was cut off.
    assert parameters["wal_receiver_timeout"] == "10s"
    assert parameters["max_slot_wal_keep_size"] != "-1MB"
    assert told["postgresql"]["use_slots"] is True
    assert (told["synchronous_mode"], told["synchronous_node_count"]) == ("quorum", 1)
    own = config()["postgresql"]
    assert own["remove_data_directory_on_rewind_failure"] is True
    assert own["remove_data_directory_on_diverged_timelines"] is True


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
        "local postgres massive_heartbeat peer map=monitor",
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


def test_the_lag_service_knows_the_limits_and_no_password() -> None:
    limits = {"reads": {"max_lag": "4MiB", "max_age": 20, "back_after": 7}}
    unit = content(desired("postgresql", "db-1", topology=limits), "/etc/systemd/system/replication-lag.service")
    assert "--address 10.0.1.1 --port 8009" in unit
    assert "--max-bytes 4194304 --max-age 20 --back-after 7" in unit
    assert "password" not in unit
    assert "monitor massive-lag massive_heartbeat" in config()["postgresql"]["pg_ident"]


def test_a_leader_does_not_wait_for_replicas_to_tell_the_time() -> None:
    unit = content(desired("postgresql", "db-1"), "/etc/systemd/system/replication-lag.service")
    assert "-c synchronous_commit=local" in unit


COMMON = {"sharding": {"logical": 8, "apps": ["orders"], "common": ["lists"]}}


def test_every_cluster_but_the_first_keeps_a_copy_of_the_common_data() -> None:
    found = {host: desired("postgresql", host, shards=2, topology=COMMON) for host in ("db-1", "db-3")}
    service = "/etc/systemd/system/common-data.service"
    assert service not in {one.path for one in found["db-1"].files}
    line = content(found["db-3"], service)
    assert '"--publisher=host=10.0.1.1,10.0.1.2 port=5432,5432 dbname=trial user=massive_mover passfile=' in line
    assert "target_session_attrs=read-write" in line
    assert "RemoveIPC=no\n" in line.partition("RemoveIPC=yes")[2]
    assert "common-data" in {unit.name for unit in found["db-3"].units}


def test_the_password_for_fetching_is_in_a_file_of_postgres_and_nowhere_else() -> None:
    wanted = desired("postgresql", "db-3", shards=2, topology=COMMON)
    (file,) = (one for one in wanted.files if one.path.endswith("mover.pgpass"))
    assert (file.content, file.mode, file.owner) == (
        f"*:*:trial:massive_mover:{secret('postgresql/mover')}\n",
        0o600,
        "postgres",
    )
    assert [one.path for one in wanted.files if secret("postgresql/mover") in one.content] == [file.path]


def reported(model: str) -> dict[str, Any]:
    reporting = {"model": model, "aggregates": {"n": "SELECT 1"}}
    return {"sharding": {"logical": 8, "apps": ["orders"], "reporting": reporting}}


def test_reports_are_made_where_the_first_cluster_is_and_reach_all() -> None:
    hosts = ("db-1", "db-2", "db-3")
    found = {host: desired("postgresql", host, shards=2, topology=reported("pull")) for host in hosts}
    path = "/etc/massive-deploy/reporting.json"
    assert [path in {one.path for one in wanted.files} for wanted in found.values()] == [True, True, False]
    told = json.loads(content(found["db-1"], path))
    assert (told["model"], told["readers"], told["aggregates"]) == ("pull", "trial", {"n": "SELECT 1"})
    assert sorted(told["clusters"]) == ["1", "2"]
    assert told["shards"] == [f"shard{number:04d}" for number in range(8)]
    assert "password" not in content(found["db-1"], path)


def test_who_may_reach_the_reporting_database_and_from_where_it_asks() -> None:
    told = [rules(view("postgresql", host, shards=2, topology=reported("pull"))) for host in ("db-1", "db-3")]
    assert "host trial_reporting trial 10.0.2.1/32 scram-sha-256" in told[0]
    assert "host trial massive_mover 10.0.1.2/32 scram-sha-256" in told[0]
    assert not [line for line in told[1] if "reporting" in line]
    assert "host trial massive_mover 10.0.1.2/32 scram-sha-256" in told[1]


@pytest.mark.parametrize("model", ["pull", "push"])
def test_shards_that_are_pushed_have_senders_all_the_time_and_to_change_that_needs_no_restart(model: str) -> None:
    parameters = dynamic(view("postgresql", "db-1", topology=reported(model)))["postgresql"]["parameters"]
    assert (parameters["max_wal_senders"], parameters["max_replication_slots"]) == (28, 28)
