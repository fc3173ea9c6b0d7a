from __future__ import annotations

from configparser import ConfigParser
from typing import Any

import pytest
from massive_deploy.roles.pgbouncer.capacity import pool_size, sums
from massive_deploy.roles.pgbouncer.desired import CONFIG, FOLDER

from .database_stack import content, desired, secret, shown, view


def config(**options: Any) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read_string(content(desired("pgbouncer", "app-1", **options), CONFIG))
    return parser


def test_each_alias_goes_to_its_clusters_port() -> None:
    assert dict(config()["databases"]) == {
        "trial": "host=127.0.0.1 port=15002 dbname=trial",
        "trial_ro": "host=127.0.0.1 port=15003 dbname=trial",
    }


def test_shards_have_aliases_of_their_own() -> None:
    databases = config(shards=2)["databases"]
    assert databases["trial_shard1"] == databases["trial"]
    assert databases["trial_shard2_ro"] == "host=127.0.0.1 port=15005 dbname=trial"


SHARDED = {"sharding": {"logical": 8, "apps": ["orders"]}}


def test_a_logical_shard_is_a_role_and_a_schema_on_its_cluster() -> None:
    databases = config(shards=2, topology=SHARDED)["databases"]
    own = "connect_query='SET ROLE trial_shard0005; SET search_path = shard0005'"
    assert databases["trial_shard0005"] == f"host=127.0.0.1 port=15004 dbname=trial pool_size=11 {own}"
    assert databases["trial_shard0003_ro"].startswith("host=127.0.0.1 port=15003 ")
    assert len(databases) == 2 + 2 * 8


def test_common_data_are_in_view_behind_the_shards_own_tables() -> None:
    common = {"sharding": {"logical": 8, "apps": ["orders"], "common": ["lists"]}}
    assert "SET search_path = shard0005, public'" in config(shards=2, topology=common)["databases"]["trial_shard0005"]


def test_reports_are_read_from_a_database_of_their_own_on_replicas() -> None:
    told = {"sharding": {"logical": 8, "apps": ["orders"], "reporting": {}}}
    databases = config(shards=2, topology=told)["databases"]
    assert databases["trial_reporting"] == "host=127.0.0.1 port=15003 dbname=trial_reporting"


def test_logical_shards_share_connections() -> None:
    parsed = config(topology=SHARDED)
    assert parsed["users"]["trial_shards"] == "max_user_connections=46"
    layout = view("pgbouncer", "app-1", topology=SHARDED).layout
    (told,) = sums(layout)
    assert told.formula.startswith("2 app hosts × 2 aliases × pool 23 + 2 app hosts × 46 of all shards + 15 reserved")
    assert told.fits


def test_only_system_users_of_the_stack_become_the_shards_user() -> None:
    found = desired("pgbouncer", "app-1", topology=SHARDED)
    assert "local all trial_shards peer map=app\n" in content(found, f"{FOLDER}/hba.conf")
    assert content(found, f"{FOLDER}/ident.conf").count(" trial_shards\n") == 3
    assert "trial_shards" not in content(desired("pgbouncer", "app-1"), f"{FOLDER}/hba.conf")


@pytest.mark.parametrize("logical", [1, 64, 256])
@pytest.mark.parametrize("app_servers", [1, 7, 20])
def test_pools_of_logical_shards_always_fit(logical: int, app_servers: int) -> None:
    sharded = {"sharding": {"logical": logical, "apps": ["orders"]}}
    layout = view("pgbouncer", "app-1", app_servers=app_servers, topology=sharded).layout
    assert all(one.fits for one in sums(layout))


def test_a_failover_is_a_pause_not_an_error() -> None:
    told = config()["pgbouncer"]
    assert told["pool_mode"] == "transaction"
    assert told["server_login_retry"] == "0.1"
    # HAProxy holds connections for 45 s while nobody leads: giving up before it would turn new clients away.
    assert told["server_connect_timeout"] == "50"
    assert int(told["query_wait_timeout"]) == 60


@pytest.mark.parametrize("app_servers", [1, 2, 7, 20])
@pytest.mark.parametrize("shards", [1, 3])
def test_derived_pools_always_fit(app_servers: int, shards: int) -> None:
    layout = view("pgbouncer", "app-1", app_servers=app_servers, shards=shards).layout
    assert pool_size(layout) >= 1
    assert [one.where for one in sums(layout)] == [cluster.name for cluster in layout.clusters]
    assert all(one.fits for one in sums(layout))


def test_pools_that_do_not_fit_are_told_with_their_sum() -> None:
    layout = view("pgbouncer", "app-1", settings={"pgbouncer": {"pool_size": 50}}).layout
    (told,) = sums(layout)
    assert not told.fits
    assert told.formula == "2 app hosts × 2 aliases × pool 50 + 15 reserved ≤ max_connections 200"
    assert (told.total, told.limit) == (215, 200)


def test_the_pool_of_the_sum_is_the_pool_of_the_file() -> None:
    layout = view("pgbouncer", "app-1").layout
    assert config()["pgbouncer"]["default_pool_size"] == str(pool_size(layout))


def test_the_password_is_in_one_private_file_alone() -> None:
    wanted = desired("pgbouncer", "app-1")
    with_password = [one for one in wanted.files if secret("postgresql/app") in one.content]
    assert [(one.path, one.mode, one.owner, one.secret) for one in with_password] == [
        (f"{FOLDER}/userlist.txt", 0o640, "postgres", True)
    ]
    assert secret("postgresql/app") not in shown(wanted)


def test_the_socket_asks_the_kernel_and_the_port_asks_for_a_password() -> None:
    wanted = desired("pgbouncer", "app-1")
    rules = [line for line in content(wanted, f"{FOLDER}/hba.conf").splitlines() if not line.startswith("#")]
    assert rules == ["local all trial peer map=app", "host all trial 127.0.0.1/32 scram-sha-256"]
    assert "app app trial" in content(wanted, f"{FOLDER}/ident.conf")


def test_stopping_it_leaves_postgresqls_shared_memory_alone() -> None:
    drop_in = "/etc/systemd/system/pgbouncer.service.d/massive-deploy.conf"
    assert content(desired("pgbouncer", "app-1"), drop_in).splitlines()[-1] == "RemoveIPC=no"


def test_the_exporter_asks_pgbouncer_where_it_listens() -> None:
    text = content(desired("pgbouncer", "app-1"), "/etc/default/prometheus-pgbouncer-exporter")
    assert "host=/run/postgresql port=6432 user=pgbouncer" in text
    assert "--web.listen-address=10.0.2.1:9127" in text
