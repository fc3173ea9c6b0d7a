"""The rules of Prometheus, as a monitor host gets them. When they fire is for promtool: tests/stack/test_rules.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from massive_deploy.roles.monitoring.targets import watched
from ruamel.yaml import YAML

from massive_deploy.inventory import open_inventory
from massive_deploy.render import Renderer
from massive_deploy.topology.layout import Layout
from massive_deploy.view import Release

from . import database_stack

ROOT = Path(__file__).resolve().parents[3]
TOPOLOGY = """
name: trial
stack: massive
target: docker
{more}
app: {{source: ., settings: shop.settings, worker: shop, domains: [shop.example]}}
"""
TLS = "roles: {nginx: {tls: own}}"


def opened(folder: Path, more: str = "") -> tuple[Layout, list[dict[str, Any]]]:
    """A stack, and every alert of it."""
    (folder / "topology.yaml").write_text(TOPOLOGY.format(more=more), encoding="utf-8")
    found = open_inventory(folder)
    renderer = Renderer(found.layout, found.roles, lambda name: f"word-{name}", release=Release("1", "/nowhere"))
    (monitor,) = found.layout.running("monitoring")
    wanted = renderer.desired("monitoring", monitor.name)
    (text,) = (file.content for file in wanted.files if file.path.endswith("rules/alerts.yml"))
    groups = YAML(typ="safe").load(text)["groups"]
    return found.layout, [rule for group in groups for rule in group["rules"] if "alert" in rule]


def alerts(folder: Path, more: str = "") -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in opened(folder, more)[1]}


@pytest.mark.parametrize(("more", "limit"), [("", 30), ("alert: {lag: 7}", 7)])
def test_old_data_of_a_replica_are_told_after_a_minute(tmp_path: Path, more: str, limit: int) -> None:
    rule = alerts(tmp_path, more)["ReplicaDataOld"]
    assert f"massive_replication_age_seconds > {limit}" in rule["expr"]
    assert rule["for"] == "60s"
    assert "{{ $labels.host }}" in rule["annotations"]["summary"]
    assert f"{limit} s" in rule["annotations"]["summary"]
    assert "massive-deploy" in rule["annotations"]["next"]


def test_a_stack_without_replicas_has_no_rule_about_them(tmp_path: Path) -> None:
    found = alerts(tmp_path, "replicas: 0")
    assert "ClusterHasNoLeader" in found
    assert "ReplicaDataOld" not in found


ALL = """replicas: 2
edge_servers: 2
docker: {{subnet: 10.203.77.0/24, memory: 4GiB}}
edge_address: 10.203.77.200/24
pooler: {pooler}
roles: {{nginx: {{tls: own}}}}"""


def sections() -> list[str]:
    """Of the runbook: one an alert."""
    return re.findall(r"^## (\w+)$", (ROOT / "docs/alerts.md").read_text(encoding="utf-8"), re.MULTILINE)


def every_alert(folder: Path) -> list[dict[str, Any]]:
    return [rule for pooler in ("pgbouncer", "pgpool") for rule in opened(folder, ALL.format(pooler=pooler))[1]]


def test_each_alert_says_what_is_so_what_is_felt_and_what_to_type(tmp_path: Path) -> None:
    for rule in every_alert(tmp_path):
        said = rule["annotations"]
        assert all(said[key] for key in ("summary", "feels", "next")), rule
        assert said["next"].startswith("massive-deploy "), rule
        assert said["runbook"] == f"docs/alerts.md#{rule['alert'].lower()}", rule


def test_the_runbook_has_a_section_for_every_alert_and_no_other(tmp_path: Path) -> None:
    found = sections()
    assert len(found) == len(set(found))
    assert set(found) == {rule["alert"] for rule in every_alert(tmp_path)}


@pytest.mark.parametrize("shards", [1, 3])
def test_every_clusters_pooler_and_its_keeper_are_watched(shards: int) -> None:
    made = database_stack.view("pgpool", "app-1", topology={"pooler": "pgpool"}, shards=shards).layout
    found = {one.unit: one.hosts for one in watched(made) if one.role == "pgpool"}
    units = {
        unit.name
        for unit in database_stack.desired("pgpool", "app-1", topology={"pooler": "pgpool"}, shards=shards).units
    }
    assert found == {f"{unit}.service": ("app-1", "app-2") for unit in units - {"pgpool2"}}
    assert len(found) == 2 * shards


def test_units_of_one_role_have_alerts_that_differ(tmp_path: Path) -> None:
    labels = [rule["labels"] for rule in opened(tmp_path, "pooler: pgpool")[1] if rule["alert"] == "ServiceDown"]
    assert {"pgpool@1.service", "pgpool-keeper@1.service"} <= {one["unit"] for one in labels}
    assert len({tuple(sorted(one.items())) for one in labels}) == len(labels)


def test_the_receivers_own_host_sends_no_journal(tmp_path: Path) -> None:
    layout, _ = opened(tmp_path)
    found = {one.unit: one.hosts for one in watched(layout)}
    assert found["systemd-journal-remote.socket"] == ("monitor-1",)
    sent = found["systemd-journal-upload.service"]
    assert set(sent) == {host.name for host in layout.hosts} - {"monitor-1"}
