from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from massive_deploy.roles.app.sizes import pool_size, worker_processes, workers
from massive_deploy.roles.pgpool.capacity import memory, sums
from massive_deploy.roles.pgpool.desired import FOLDER, KEEPER, instances, redirects

from massive_deploy import roles
from massive_deploy.desired import Desired
from massive_deploy.environment import database_url, pgpool_sessions
from massive_deploy.render import Renderer, stages
from massive_deploy.topology.layout import Layout, Port
from massive_deploy.topology.model import Topology

from . import database_stack
from .database_stack import content, secret, shown, task

POOLER = {"pooler": "pgpool"}


def desired(role: str = "pgpool", host: str = "app-1", **options: Any) -> Desired:
    return database_stack.desired(role, host, topology=POOLER, **options)


def layout(**options: Any) -> Layout:
    return database_stack.view("pgpool", "app-1", topology=POOLER, **options).layout


def config(cluster: int = 1, **options: Any) -> dict[str, str]:
    text = content(desired(**options), f"{FOLDER}/{cluster}/pgpool.conf")
    pairs = (line.split(" = ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {key: value.strip("'") for key, value in pairs}


def test_it_runs_where_it_is_the_pooler() -> None:
    project = {"name": "trial", "app": {"source": ".", "settings": "a.b"}}
    for pooler in ("pgbouncer", "pgpool"):
        topology = Topology.model_validate({**project, "pooler": pooler})
        assert [name for name in ("pgbouncer", "pgpool") if roles.load(name).wanted(topology)] == [pooler]


@pytest.mark.parametrize("pooler", ["pgbouncer", "pgpool"])
def test_a_release_migrates_once_the_pooler_is_there(pooler: str) -> None:
    made = database_stack.renderer(topology={"pooler": pooler}).view(pooler, "app-1").layout
    release = roles.load("release")
    loaded = {name: roles.load(name) for name in made.roles}
    with_release = replace(made, roles={**made.roles, "release": ("app-1",)})
    order = [role for stage in stages(with_release, {**loaded, "release": release}) for role in stage]
    assert order.index(pooler) < order.index("release")


def test_it_talks_to_the_nodes_themselves() -> None:
    told = config(replicas=2)
    assert [told[f"backend_hostname{n}"] for n in range(3)] == ["10.0.1.1", "10.0.1.2", "10.0.1.3"]
    assert [told[f"backend_application_name{n}"] for n in range(3)] == ["db-1", "db-2", "db-3"]
    assert {told[f"backend_port{n}"] for n in range(3)} == {"5432"}


def test_patroni_alone_promotes_and_the_keeper_alone_attaches() -> None:
    told = config()
    assert [told[f"{name}_command"] for name in ("failover", "follow_primary", "failback")] == ["", "", ""]
    assert {told[f"backend_flag{n}"] for n in range(2)} == {"ALLOW_TO_FAILOVER"}
    assert told["auto_failback"] == "off"


def test_each_cluster_has_an_instance_of_its_own() -> None:
    ports = {config(n, shards=3)["port"]: config(n, shards=3)["backend_hostname0"] for n in (1, 2, 3)}
    assert ports == {"6432": "10.0.1.1", "6433": "10.0.1.3", "6434": "10.0.1.5"}
    folders = {config(n, shards=3)["pcp_socket_dir"] for n in (1, 2, 3)}
    assert len(folders) == 3
    units = [unit.name for unit in desired(shards=3).units]
    assert units == ["pgpool2", *(f"{kind}@{n}" for kind in ("pgpool", "pgpool-keeper") for n in (1, 2, 3))]


def test_an_alias_is_told_by_its_application_name() -> None:
    view = database_stack.view("pgpool", "app-1", topology=POOLER, shards=2)
    found = {alias.name: urlsplit(database_url(view, alias)) for alias in view.layout.aliases}
    assert {(one.path, parse_qs(one.query)["application_name"][0]) for one in found.values()} == {
        ("/trial", alias) for alias in found
    }
    assert (found["default"].port, found["shard1"].port, found["shard2_replica"].port) == (6432, 6432, 6433)
    assert unquote(str(found["replica"].hostname)) == "/run/postgresql"


def test_pgbouncers_urls_are_what_they_were() -> None:
    view = database_stack.view("pgbouncer", "app-1")
    urls = {alias.name: database_url(view, alias) for alias in view.layout.aliases}
    server = f"postgres://trial:{secret('postgresql/app')}@%2Frun%2Fpostgresql:6432"
    assert urls == {"default": f"{server}/trial", "replica": f"{server}/trial_ro"}


def test_writable_aliases_read_at_the_leader_unless_reads_are_routed() -> None:
    first, second = instances(layout(shards=2))
    assert redirects(first, route_reads=False) == (
        "^default$:primary,^shard1$:primary,^replica$:standby,^shard1_replica$:standby"
    )
    assert redirects(second, route_reads=True) == "^shard2_replica$:standby"
    assert config()["app_name_redirect_preference_list"] == "^default$:primary,^replica$:standby"
    assert config()["disable_load_balance_on_write"] == "transaction"


def test_routed_reads_go_by_whether_a_function_is_volatile() -> None:
    assert "nextval" in config()["write_function_list"].split(",")
    assert config(settings={"pgpool": {"route_reads": True}})["write_function_list"] == ""


def test_the_lag_limit_is_the_topologys() -> None:
    view = database_stack.view("pgpool", "app-1", topology={**POOLER, "reads": {"max_lag": "2MiB"}})
    text = view.render("pgpool.conf.j2", instance=instances(view.layout)[0], **dict.fromkeys(WORDS, ""))
    assert f"\ndelay_threshold = {2 * 1024 * 1024}\n" in text


WORDS = ("sockets", "pcp_port", "sql", "sessions", "watcher", "redirects", "writing")


@pytest.mark.parametrize("app_servers", [1, 2, 7, 20])
@pytest.mark.parametrize("shards", [1, 3])
def test_derived_sessions_always_fit_max_connections(app_servers: int, shards: int) -> None:
    made = layout(app_servers=app_servers, shards=shards)
    opened = [one for one in sums(made) if one.name == "sessions fit max_connections"]
    assert [one.where for one in opened] == [cluster.name for cluster in made.clusters]
    assert all(one.fits for one in opened)
    assert config(app_servers=app_servers, shards=shards)["num_init_children"] == str(pgpool_sessions(made))


CELERY = {**POOLER, "app": {"source": ".", "settings": "shop.settings", "worker": "shop"}}


@pytest.mark.parametrize(("app_servers", "shards", "cpus"), [(1, 1, 32), (2, 1, 16), (2, 3, 8), (7, 1, 4), (12, 1, 2)])
def test_derived_sessions_are_enough_for_normal_sizes(app_servers: int, shards: int, cpus: int) -> None:
    options: dict[str, Any] = {"app_servers": app_servers, "shards": shards, "cpus": cpus, "memory_mb": 64 * 1024}
    made = database_stack.view("pgpool", "app-1", topology=CELERY, **options).layout
    assert [one for one in sums(made) if not one.fits] == []


def test_processes_without_a_session_each_are_told_with_their_sum() -> None:
    options: dict[str, Any] = {"app_servers": 1, "cpus": 32, "memory_mb": 64 * 1024}
    made = database_stack.view(
        "pgpool", "app-1", topology=CELERY, settings={"pgpool": {"sessions": 64}}, **options
    ).layout
    (told,) = (one for one in sums(made) if not one.fits)
    assert (told.total, told.limit, told.where) == (132, 64, "app-1")
    assert told.formula.startswith("(32 web + 32 Celery processes) × 2 aliases + 4 others ≤ sessions 64")


def test_a_stack_too_wide_for_max_connections_is_refused_until_it_is_raised() -> None:
    refused = [one.where for one in sums(layout(app_servers=20, shards=3)) if not one.fits]
    assert refused == [f"app-{n}" for n in range(1, 21)]
    raised = layout(app_servers=20, shards=3, settings={"postgresql": {"max_connections": 400}})
    assert all(one.fits for one in sums(raised))


def test_sessions_that_do_not_fit_are_told_with_their_sum() -> None:
    (told,) = (one for one in sums(layout(settings={"pgpool": {"sessions": 100}})) if not one.fits)
    assert told.formula == "2 app hosts × (100 sessions + 3 that watch) + 15 reserved ≤ max_connections 200"
    assert (told.total, told.limit) == (221, 200)


def test_every_cluster_takes_memory() -> None:
    one, three = layout(), layout(shards=3)
    assert memory(three, three.hosts[-2]) == 3 * memory(one, one.hosts[-2])


@pytest.mark.parametrize("app_servers", [1, 4, 12])
@pytest.mark.parametrize("shards", [1, 2])
def test_all_pools_and_celery_together_fit_where_the_sums_do(app_servers: int, shards: int) -> None:
    made = database_stack.view("pgpool", "app-1", topology=CELERY, app_servers=app_servers, shards=shards).layout
    fits = all(one.fits for one in sums(made))
    host, app = made.running("pgpool")[0], made.settings["app"]
    aliases = 2 if shards == 1 else 4
    held = (workers(host, app) * pool_size(made, host) + worker_processes(host, app)) * aliases
    assert fits == (held + 4 <= pgpool_sessions(made))


def test_ports_and_versions_are_postgresqls_own() -> None:
    made = layout()
    ports = {**made.ports, "postgresql": (Port("sql", 5432), Port("rest", 8008), Port("reads", 8010))}
    # No other version is allowed yet.
    newer = made.settings["postgresql"].model_copy(update={"version": 18})
    other = replace(made, ports=ports, settings={**made.settings, "postgresql": newer})
    wanted = Renderer(other, {name: roles.load(name) for name in other.roles}, secret).desired("pgpool", "app-1")
    assert json.loads(content(wanted, f"{FOLDER}/1/keeper.json"))["reads"] == 8010
    assert "postgresql-client-18" in wanted.packages


def test_passwords_are_in_private_files_alone() -> None:
    wanted = desired()
    words = [secret(name) for name in ("postgresql/app", "postgresql/pooler", "pgpool/pcp")]
    holders = [one for one in wanted.files if any(word in one.content for word in words)]
    assert {one.path.rpartition("/")[2] for one in holders} == {"pool_passwd", "pgpass", "pcppass"}
    private = [one for one in wanted.files if one.path.endswith(("pool_passwd", "pgpass", "pcppass", "pcp.conf"))]
    assert {(one.mode, one.owner, one.secret) for one in private} == {(0o600, "postgres", True)}
    assert not any(word in shown(wanted) for word in words)


def test_the_nodes_let_pgpool_watch_them() -> None:
    nodes = desired("postgresql", "db-1")
    hba = content(nodes, "/etc/patroni/config.yml")
    assert "host postgres massive_pooler 10.0.2.1/32 scram-sha-256" in hba
    assert "massive_pooler|t|f|f|" in task(nodes, "SQL roles").want
    assert "massive_pooler" not in content(database_stack.desired("postgresql", "db-1"), "/etc/patroni/config.yml")
    assert "massive_pooler" not in task(database_stack.desired("postgresql", "db-1"), "SQL roles").want


def test_stopping_it_leaves_postgresqls_shared_memory_alone_and_its_own_nowhere() -> None:
    for name in ("pgpool", "pgpool-keeper"):
        lines = content(desired(), f"/etc/systemd/system/{name}@.service").splitlines()
        assert [line for line in lines if line.startswith("RemoveIPC=")][-1] == "RemoveIPC=no"
    assert "PrivateIPC=yes" in content(desired(), "/etc/systemd/system/pgpool@.service")


def test_the_keeper_knows_the_nodes_in_pgpools_order() -> None:
    wanted = desired(replicas=2)
    told = json.loads(content(wanted, f"{FOLDER}/1/keeper.json"))
    assert [node["address"] for node in told["nodes"]] == ["10.0.1.1", "10.0.1.2", "10.0.1.3"]
    assert (told["rest"], told["reads"]) == (8008, 8009)
    compile(content(wanted, KEEPER), KEEPER, "exec")


def test_a_new_node_starts_pgpool_and_its_keeper_anew() -> None:
    few, more = desired(replicas=1), desired(replicas=2)
    changed = {
        one.name
        for one, other in zip(few.units, more.units, strict=True)
        if few.restart_fingerprint(one) != more.restart_fingerprint(other)
    }
    assert changed == {"pgpool@1", "pgpool-keeper@1"}
