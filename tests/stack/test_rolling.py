"""Parameters that PostgreSQL reads only when it starts: raised, lowered, taken out, changed by hand.

The tests share one stack of three hosts and run in order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import ROOT, Stack, stack
from warm import warm

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-rolling"
PROMTOOL = ROOT / "tests/promtool/replica_data_old.yml"
PAIR = """
summary: Two database hosts, and all the rest on a third.
hosts:
  db: {parts: [database], count: databases}
  rest: {parts: [edge, app, memcached, redis, monitor], count: 1}
quorum: [db, rest]
"""
TOPOLOGY = """
name: {name}
stack: pair
target: docker
docker: {{memory: 2GiB}}
app_servers: 1
replicas: 1
app:
  source: {source}
  settings: shop.settings
  health: /-/health
roles:
  postgresql: {{max_connections: 200}}
"""
NODES = ("db-1", "db-2")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("rolling")
    (folder / "stacks").mkdir()
    (folder / "stacks/pair.yaml").write_text(PAIR, encoding="utf-8")
    with stack(folder, NAME) as made:
        made.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        made.up()
        yield made


def ask(pair: Stack, host: str, query: str) -> str:
    return pair.on(host, f'cd /; runuser -u postgres -- psql -XAtq -c "{query}"').strip()


def leads(pair: Stack) -> str:
    (leader,) = (host for host in NODES if ask(pair, host, "SELECT pg_is_in_recovery()") == "f")
    return leader


def started(pair: Stack) -> dict[str, str]:
    """When each node's server was started, to be compared as text."""
    query = "SELECT to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    return {host: ask(pair, host, query) for host in NODES}


def live(pair: Stack) -> Any:
    address = pair.hosts()["db-1"]["address"]
    return json.loads(pair.on("db-1", f"curl -fsS http://{address}:8008/config"))


def settle(pair: Stack) -> None:
    """A second run does nothing, and no node waits for a restart."""
    assert " 0 operations" in pair.up()
    assert pair.command("plan", str(pair.folder)).returncode == 0
    assert [ask(pair, host, "SELECT count(*) FROM pg_settings WHERE pending_restart") for host in NODES] == ["0", "0"]


def test_a_raised_limit_restarts_replica_and_leader_in_that_order(pair: Stack) -> None:
    leader, before = leads(pair), started(pair)
    pair.edit("{max_connections: 200}", "{max_connections: 300, parameters: {track_io_timing: 'on'}}")
    planned = pair.command("plan", str(pair.folder), code=2).stdout
    assert planned.count("! restart PostgreSQL (max_connections)") == 2
    said = pair.up()
    assert all(f"{host}: PostgreSQL restarted" in said for host in NODES)
    after = started(pair)
    assert all(after[host] > before[host] for host in NODES)
    assert max(after, key=lambda host: after[host]) == leader == leads(pair)
    assert [ask(pair, host, "SHOW max_connections") for host in NODES] == ["300", "300"]
    settle(pair)


def test_a_lowered_limit_and_a_parameter_taken_out(pair: Stack) -> None:
    assert live(pair)["postgresql"]["parameters"]["track_io_timing"] == "on"
    pair.edit("{max_connections: 300, parameters: {track_io_timing: 'on'}}", "{max_connections: 150}")
    pair.command("up", str(pair.folder), "--lose", "parameters")
    assert [ask(pair, host, "SHOW max_connections") for host in NODES] == ["150", "150"]
    assert [ask(pair, host, "SHOW track_io_timing") for host in NODES] == ["off", "off"]
    assert "track_io_timing" not in live(pair)["postgresql"]["parameters"]
    settle(pair)


def test_a_parameter_without_a_restart_restarts_nothing(pair: Stack) -> None:
    before = started(pair)
    pair.edit("{max_connections: 150}", "{max_connections: 150, slow_query_ms: 777}")
    assert "restart PostgreSQL" not in pair.command("plan", str(pair.folder), code=2).stdout
    pair.up()
    assert ask(pair, "db-2", "SHOW log_min_duration_statement") == "777ms"
    assert started(pair) == before
    settle(pair)


def test_a_nodes_own_size_restarts_it_too(pair: Stack) -> None:
    pair.edit("slow_query_ms: 777}", "slow_query_ms: 777, memory: 256}")
    planned = pair.command("plan", str(pair.folder), code=2).stdout
    assert planned.count("! restart PostgreSQL (shared_buffers)") == 2
    pair.up()
    assert [ask(pair, host, "SHOW shared_buffers") for host in NODES] == ["256MB", "256MB"]
    settle(pair)


def test_a_parameter_set_by_hand_is_drift_and_goes(pair: Stack, tmp_path: Path) -> None:
    hand = tmp_path / "hand.json"
    hand.write_text('{"postgresql": {"parameters": {"max_prepared_transactions": 5}}}', encoding="utf-8")
    script = "cat >/tmp/hand && patronictl -c /etc/patroni/config.yml edit-config --apply /tmp/hand --force --quiet"
    pair.inside("db-1", script, hand.read_text(encoding="utf-8"))
    assert live(pair)["postgresql"]["parameters"]["max_prepared_transactions"] == 5
    assert "max_prepared_transactions" in pair.command("plan", str(pair.folder), "--lose", "parameters", code=2).stdout
    pair.command("up", str(pair.folder), "--lose", "parameters")
    assert "max_prepared_transactions" not in live(pair)["postgresql"]["parameters"]
    settle(pair)


def test_the_alert_on_old_data_fires_when_it_should(pair: Stack) -> None:
    script = (
        "set -e; folder=$(mktemp -d); cat >$folder/test.yml; cp /etc/prometheus/rules/database.yml $folder; "
        "cd $folder; promtool test rules test.yml && echo agreed"
    )
    assert "agreed" in pair.inside("rest-1", script, PROMTOOL.read_text(encoding="utf-8"))
