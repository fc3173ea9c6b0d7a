"""When alerts fire and when they do not, and who is told: promtool, amtool and Alertmanager, in one container."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rule_cases import RULES, alerts, cases, expanded, expectations, monitor_files
from warm import warm_image

pytestmark = pytest.mark.stack

FOLDER = "/var/tmp/rules"


def docker(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], check=check, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its name; it has the rules of a whole stack, and the cases beside them."""
    folder, inventory = tmp_path_factory.mktemp("rules"), tmp_path_factory.mktemp("inventory")
    files = monitor_files(inventory)
    (folder / "alerts.yml").write_text(files[RULES], encoding="utf-8")
    for case in cases():
        (folder / case.name).write_text(json.dumps(expanded(case, files)), encoding="utf-8")
    name = f"massive-deploy-rules-{os.getpid()}"
    docker("run", "--detach", "--name", name, "--entrypoint", "sleep", warm_image(), "infinity")
    try:
        docker("cp", "--quiet", str(folder), f"{name}:{FOLDER}")
        yield name
    finally:
        docker("rm", "--force", "--volumes", name, check=False)


@pytest.mark.parametrize("case", cases(), ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(container: str, case: Path) -> None:
    done = docker("exec", "--workdir", FOLDER, container, "promtool", "test", "rules", case.name, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_in_one_case_and_stays_quiet_in_another(tmp_path: Path) -> None:
    known = {rule["alert"] for rule in alerts(monitor_files(tmp_path, "edge_servers: 2\nreplicas: 2")[RULES])}
    judged = expectations()
    assert {name for name, fires in judged if fires} == known
    assert {name for name, fires in judged if not fires} >= known - {"DeadMansSwitch"}
