"""The demo inventory as a stranger meets it: up, serving, unchanged by a second up, healed, grown, failed over.

The tests share one stack and run in order; each leaves it healthy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from harness import ROOT, Stack, stack, visitors, within

pytestmark = pytest.mark.stack
NAME = "md-demo"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("demo"), NAME) as made:
        text = (ROOT / "inventories/demo/topology.yaml").read_text(encoding="utf-8")
        made.write(text.replace("name: demo", f"name: {NAME}").replace("../../examples", str(ROOT / "examples")))
        made.up()
        yield made


def test_pages_come_from_the_cache_on_the_second_request(demo: Stack) -> None:
    first = demo.http("/")
    second = demo.http("/")
    assert (first.status, second.status) == (200, 200)
    assert second.headers["X-Cache"] == "HIT"
    assert "Set-Cookie" not in second.headers


def test_an_order_written_is_read_back_from_the_replica(demo: Stack) -> None:
    order = demo.http("/api/orders/", {"product": product(demo), "quantity": 2})
    assert order.status == 201, order.body
    found = within(20, lambda: from_replica(demo, order.json["id"]), "the order on the replica")
    assert found["database"] == "replica"
    assert found["in_recovery"] is True


def test_the_worker_confirms_the_order(demo: Stack) -> None:
    order = demo.http("/api/orders/", {"product": product(demo), "quantity": 1}).json["id"]
    within(30, lambda: demo.http(f"/api/orders/{order}/").json["status"] == "confirmed", "the Celery worker")


def test_every_acceptance_check_passes(demo: Stack) -> None:
    demo.command("verify", str(demo.folder))


def test_status_names_leader_and_lag(demo: Stack) -> None:
    status = json.loads(demo.command("status", str(demo.folder), "--json").stdout)
    (cluster,) = status["clusters"]
    roles = sorted(member["role"] for member in cluster["members"])
    assert roles == ["leader", "replica"]
    (replica,) = (member for member in cluster["members"] if member["role"] == "replica")
    assert replica["lag_bytes"] is not None
    assert replica["lag_seconds"] is not None


def test_a_second_up_changes_nothing(demo: Stack) -> None:
    before = demo.digest()
    assert " 0 operations" in demo.up()
    assert demo.digest() == before
    demo.command("plan", str(demo.folder))


def test_a_hand_edit_is_shown_by_plan_and_healed_by_up(demo: Stack) -> None:
    started = main_pids(demo)
    demo.on("cache-1", "sed -i 's/^-m .*/-m 17/' /etc/memcached.conf")
    shown = demo.command("plan", str(demo.folder), code=2).stdout
    assert "/etc/memcached.conf" in shown
    assert "-m 17" in shown
    demo.up()
    demo.command("plan", str(demo.folder))
    changed = {unit for unit, pid in main_pids(demo).items() if started[unit] != pid}
    assert changed == {"cache-1 memcached.service"}


def test_a_change_that_restarts_the_app_tier_loses_no_request(demo: Stack) -> None:
    site = f"http://{demo.hosts()['edge-1']['address']}"
    started = main_pids(demo)
    order = {"product": product(demo), "quantity": 1}
    demo.edit("roles:", "roles:\n  app: {greenlets: 90}\n  haproxy: {max_connections: 3900}")
    with visitors([(f"{site}/", None), (f"{site}/cart/", None), (f"{site}/api/orders/", order)]) as failures:
        demo.up()
    assert failures == []
    restarted = {unit for unit, pid in main_pids(demo).items() if started[unit] != pid}
    assert {f"app-{n} {unit}.service" for n in (1, 2) for unit in ("app", "haproxy")} <= restarted


def test_one_more_app_server_touches_only_what_must_know(demo: Stack) -> None:
    before = {name: managed_files(demo, name) for name in demo.hosts()}
    started = main_pids(demo)
    demo.edit("app_servers: 2", "app_servers: 3")
    demo.up()
    assert "app-3" in demo.hosts()
    changed = {
        f"{name} {path}"
        for name, files in before.items()
        for path, sha in managed_files(demo, name).items()
        if files.get(path) != sha
    }
    may_know = (
        "/etc/hosts",
        "/etc/nginx/conf.d/edge.conf",
        "/etc/varnish/",
        "/etc/patroni/",
        "/etc/prometheus/",
        "/etc/pgbouncer/",
        "/etc/massive-deploy/",
        # Whose journals come, and how much room each may take.
        "/etc/nginx/conf.d/journal-remote.conf",
        "/etc/systemd/system/systemd-journal-remote.service.d/",
        "/etc/systemd/journal-remote.conf.d/",
    )
    assert {line for line in changed if not line.split()[1].startswith(may_know)} == set()
    assert any("/etc/varnish/" in line for line in changed)
    restarted = {unit for unit, pid in main_pids(demo).items() if unit in started and started[unit] != pid}
    stay = ("varnish", "patroni", "redis", "edge-1 nginx")
    assert {unit for unit in restarted if any(name in unit for name in stay)} == set()
    demo.command("verify", str(demo.folder))


def test_a_plan_that_was_saved_is_done_exactly_or_refused(demo: Stack, tmp_path: Path) -> None:
    demo.on("cache-1", "sed -i 's/^-m .*/-m 18/' /etc/memcached.conf")
    file = str(tmp_path / "plan.json")
    demo.command("plan", str(demo.folder), "--hosts", "cache-*", "--out", file, code=2)
    demo.on("cache-1", "sed -i 's/^-m .*/-m 19/' /etc/memcached.conf")
    assert "no longer the plan" in demo.command("up", file, code=3).stderr
    demo.command("plan", str(demo.folder), "--hosts", "cache-*", "--out", file, code=2)
    demo.command("up", file)
    demo.command("plan", str(demo.folder))


def test_a_host_taken_out_is_reported_until_it_is_retired(demo: Stack) -> None:
    demo.edit("app_servers: 3", "app_servers: 2")
    assert "app-3" in demo.command("plan", str(demo.folder), code=2).stdout
    demo.up()
    assert demo.http("/").status == 200
    assert "deletes" not in demo.command("retire", str(demo.folder), "app-3", code=3).stderr
    demo.command("retire", str(demo.folder), "app-3", "--confirm", "app-3")
    assert "app-3" not in demo.command("plan", str(demo.folder)).stdout
    assert f"{NAME}-app-3" not in [made.name for made in docker.from_env().containers.list(all=True)]


def test_the_site_writes_again_after_the_leader_is_killed(demo: Stack) -> None:
    leader = leader_of(demo)
    slug = product(demo)
    docker.from_env().containers.get(f"{NAME}-{leader}").kill()
    body = {"product": slug, "quantity": 3}
    within(90, lambda: demo.http("/api/orders/", body).status == 201, "writes after the leader's death")
    docker.from_env().containers.get(f"{NAME}-{leader}").start()
    within(120, lambda: replica_streams(demo), "the old leader's return as a replica")


def product(demo: Stack) -> str:
    """The slug of some product on the front page."""
    page = demo.http("/").body
    return page.split('href="/p/', 1)[1].split("/", 1)[0]


def from_replica(demo: Stack, order: str) -> Any:
    answer = demo.http(f"/api/orders/{order}/?from=replica")
    return answer.json if answer.status == 200 else None


def main_pids(demo: Stack) -> dict[str, str]:
    """Main process of every managed service, by `host unit`."""
    script = "sed -n 's/^unit //p' /var/lib/massive-deploy/managed/* | sort -u | xargs systemctl show -p Id,MainPID"
    found = {}
    for host in demo.hosts():
        for block in demo.on(host, script).split("\n\n"):
            values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            found[f"{host} {values['Id']}"] = values.get("MainPID", "")
    return found


def managed_files(demo: Stack, host: str) -> dict[str, str]:
    lines = demo.on(host, "sort -u /var/lib/massive-deploy/managed/* | grep ^/ | xargs sha256sum").splitlines()
    return {path: sha for sha, path in (line.split(maxsplit=1) for line in lines)}


def leader_of(demo: Stack) -> str:
    status = json.loads(demo.command("status", str(demo.folder), "--json").stdout)
    (name,) = (m["name"] for m in status["clusters"][0]["members"] if m["role"] == "leader")
    return str(name)


def replica_streams(demo: Stack) -> bool:
    run = demo.command("status", str(demo.folder), "--json", code=None)
    if run.returncode:
        return False
    members = json.loads(run.stdout)["clusters"][0]["members"]
    return sorted(m["role"] for m in members) == ["leader", "replica"] and all(
        m["state"] in {"running", "streaming"} for m in members
    )
