"""The rules of Prometheus. Where promtool is installed it judges them; stack tests run it on the monitor host."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from massive_deploy.roles.monitoring.targets import watched
from ruamel.yaml import YAML

from massive_deploy.inventory import open_inventory
from massive_deploy.render import Renderer
from massive_deploy.view import Release

from . import database_stack

CASES = Path(__file__).resolve().parents[2] / "promtool"
TOPOLOGY = """
name: trial
stack: massive
target: docker
{more}
app: {{source: ., settings: shop.settings}}
"""


def written(folder: Path, more: str = "", name: str = "database") -> str:
    """A file of rules of a stack."""
    (folder / "topology.yaml").write_text(TOPOLOGY.format(more=more), encoding="utf-8")
    opened = open_inventory(folder)
    renderer = Renderer(opened.layout, opened.roles, lambda name: f"word-{name}", release=Release("1", "/nowhere"))
    (monitor,) = opened.layout.running("monitoring")
    wanted = renderer.desired("monitoring", monitor.name)
    (found,) = (file.content for file in wanted.files if file.path.endswith(f"rules/{name}.yml"))
    return found


def rules(text: str) -> dict[str, dict[str, Any]]:
    loaded = YAML(typ="safe").load(text)
    return {rule["alert"]: rule for group in loaded["groups"] for rule in group["rules"] if "alert" in rule}


@pytest.mark.parametrize(("more", "limit"), [("", 30), ("alert: {lag: 7}", 7)])
def test_old_data_of_a_replica_are_told_after_a_minute(tmp_path: Path, more: str, limit: int) -> None:
    rule = rules(written(tmp_path, more))["ReplicaDataOld"]
    assert rule["expr"] == f"massive_replication_age_seconds > {limit}"
    assert rule["for"] == "1m"
    assert "{{ $labels.host }}" in rule["annotations"]["summary"]
    assert f"(limit {limit} s)" in rule["annotations"]["summary"]
    assert "massive-deploy status" in rule["annotations"]["description"]


def test_a_stack_without_replicas_has_no_rule_about_them(tmp_path: Path) -> None:
    found = rules(written(tmp_path, "replicas: 0"))
    assert "ClusterHasNoLeader" in found
    assert "ReplicaDataOld" not in found


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
    text = written(tmp_path, "pooler: pgpool", "services")
    loaded = YAML(typ="safe").load(text)["groups"][0]["rules"]
    labels = [rule["labels"] for rule in loaded if rule.get("alert") == "ServiceDown"]
    assert {"pgpool@1.service", "pgpool-keeper@1.service"} <= {one["unit"] for one in labels}
    assert len({tuple(sorted(one.items())) for one in labels}) == len(labels)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Debian's prometheus")
def test_promtool_agrees_on_when_the_rule_fires(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "database.yml").write_text(written(tmp_path), encoding="utf-8")
    shutil.copy(CASES / "replica_data_old.yml", folder)
    done = subprocess.run(
        ["promtool", "test", "rules", "replica_data_old.yml"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
