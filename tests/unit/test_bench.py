"""The benchmark's baselines cover what the tool does: no role, file or unit is forgotten in the playbook."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bench import growth, playbook, shell, states
from bench.report import Goal, Report, rotated
from bench.stack import Stack
from massive_deploy import roles
from massive_deploy.desired import Desired, Task
from massive_deploy.inventory import open_inventory
from massive_deploy.operate.prepare import Prepared
from massive_deploy.render import Renderer, stages
from massive_deploy.secrets import Secrets
from massive_deploy.view import Release

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = ROOT / "bench/ansible"


def yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


@cache
def prepared() -> Prepared:
    """The demo, rendered with fixed words for secrets."""
    roles.use(None)
    opened = open_inventory(ROOT / "inventories/demo")
    release = Release("0123456789ab", "/nowhere/0123456789ab.tar.gz")
    renderer = Renderer(opened.layout, opened.roles, lambda name: f"canary-{name}", release=release)
    generations = stages(opened.layout, opened.roles)
    return Prepared(opened, Secrets(opened.folder), renderer, renderer.all(), generations)


def wanted(role: str) -> list[Desired]:
    """What the role wants of each of its hosts."""
    return [found[role] for found in prepared().rendered.values() if role in found]


def every_task(role: str) -> Iterator[dict[str, Any]]:
    """The role's tasks, those in blocks too."""
    todo = list(yaml(PLAYBOOK / f"tasks/{role}.yml"))
    while todo:
        task = todo.pop(0)
        todo += task.get("block", [])
        yield task


def looped(role: str, module: str) -> list[tuple[Any, dict[str, Any]]]:
    """(item, task) of every loop over this module."""
    found = [task for task in every_task(role) if module in task and isinstance(task.get("loop"), list)]
    return [(item, task) for task in found for item in task["loop"]]


DEMO = sorted(prepared().inventory.layout.roles)


def test_the_playbook_has_the_demos_roles_in_the_order_of_the_stages() -> None:
    plays = [play["hosts"] for play in yaml(PLAYBOOK / "site.yml")][1:]
    assert sorted(plays) == DEMO
    assert sorted(path.stem for path in (PLAYBOOK / "tasks").iterdir()) == DEMO
    for number, generation in enumerate(prepared().generations):
        earlier = {role for one in prepared().generations[:number] for role in one}
        assert all(plays.index(before) < plays.index(role) for before in earlier for role in generation)


@pytest.mark.parametrize("role", DEMO)
def test_the_playbook_places_the_same_files_with_the_same_owners_and_modes(role: str) -> None:
    seen = [(path, task["ansible.builtin.copy"]) for path, task in looped(role, "ansible.builtin.copy")]
    copied = {(path, copy["mode"], copy["owner"], copy["group"]) for path, copy in seen}
    ours = {(f.path, f"{f.mode:04o}", f.owner, f.group) for desired in wanted(role) for f in desired.files}
    # A folder is copied with all that is in it.
    for folder, *owned in [one for one in copied if one[0].endswith("/")]:
        copied = copied - {(folder, *owned)} | {
            one for one in ours if one[0].startswith(folder) and [*one[1:]] == owned
        }
    assert copied == ours


@pytest.mark.parametrize("role", DEMO)
def test_the_playbook_runs_and_stops_the_same_units(role: str) -> None:
    units = {unit for desired in wanted(role) for unit in desired.units}
    seen = looped(role, "ansible.builtin.systemd_service")
    started = {name for name, task in seen if task["ansible.builtin.systemd_service"]["state"] == "started"}
    assert started == {unit.name for unit in units if unit.running}
    assert {name for name, _ in seen} - started == {unit.name for unit in units if not unit.running}


@pytest.mark.parametrize("role", DEMO)
def test_the_playbook_makes_the_same_folders_and_users(role: str) -> None:
    made = {item["path"] for item, _ in looped(role, "ansible.builtin.file") if isinstance(item, dict)}
    assert {d.path for desired in wanted(role) for d in desired.directories} <= made
    users = {task["ansible.builtin.user"]["name"] for task in every_task(role) if "ansible.builtin.user" in task}
    assert users == {user.name for desired in wanted(role) for user in desired.users}


@pytest.mark.parametrize("role", DEMO)
def test_a_changed_file_restarts_and_reloads_the_same_units(role: str) -> None:
    notified: dict[str, set[str]] = {}
    for path, task in looped(role, "ansible.builtin.copy"):
        notified.setdefault(path, set()).update(task.get("notify", ()))
    for desired in wanted(role):
        for unit in desired.units:
            for file in desired.matching(unit.restart_on):
                assert f"restart {unit.name}" in notified[file.path], file.path
            for file in desired.matching(unit.reload_on):
                assert notified[file.path] & {f"reload {unit.name}", f"restart {unit.name}"}, file.path


def test_every_notified_handler_exists_once() -> None:
    handlers = [handler["name"] for handler in yaml(PLAYBOOK / "handlers/main.yml")]
    assert len(handlers) == len(set(handlers))
    told = [task.get("notify", []) for role in DEMO for task in every_task(role)]
    notified = {name for names in told for name in ([names] if isinstance(names, str) else names)}
    assert notified == set(handlers)


def test_only_builtin_modules_are_used() -> None:
    known = {"name", "loop", "loop_control", "register", "when", "notify", "changed_when", "failed_when", "no_log"}
    known |= {"until", "retries", "delay", "args", "block"}
    for role in DEMO:
        for task in every_task(role):
            assert all(key.startswith("ansible.builtin.") for key in task.keys() - known), task


def test_the_shell_baseline_parses_and_covers_every_host_and_stage() -> None:
    found = shell.stages(prepared())
    assert len(found) == 1 + len(prepared().generations)
    for stage in found:
        for host, script in stage.scripts.items():
            done = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False)
            assert done.returncode == 0, (host, done.stderr)
    for number, generation in enumerate(prepared().generations, 1):
        hosts = {host for host, has in prepared().rendered.items() if set(generation) & set(has)}
        assert set(found[number].scripts) == hosts
    assert sorted(host for stage in found for host in stage.up) == ["app-1", "app-2"]


def run(script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", script], input=stdin, text=True, capture_output=True, check=False)


def test_a_state_is_brought_about_once_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "made"
    task = Task("made", f"cat {file}", "right", f"cat >{file}", stdin="right", settle=2)
    script = states.checked(task)
    assert run(script, task.stdin).stdout.split() == ["changed"]
    assert run(script, "wrong").stdout == ""
    assert file.read_text(encoding="ascii") == "right"
    file.write_text("drifted", encoding="ascii")
    assert run(states.unconditional(task)).returncode == 0
    assert file.read_text(encoding="ascii") == "right"


def test_a_state_that_does_not_come_about_fails() -> None:
    task = Task("never", "echo no", "yes", ":", settle=1)
    assert "not within 1 s: never" in run(states.checked(task)).stderr
    assert run(states.unconditional(replace(task, run="false"))).returncode != 0


def test_the_tasks_that_changed_something_are_named_once() -> None:
    said = (
        "TASK [A] ***\nok: [h]\n\nTASK [B] ***\nchanged: [h] => (item=x)\nchanged: [g]\n\nTASK [C] ***\nchanged: [h]\n"
    )
    assert playbook.changing(said) == ("B", "C")


def test_goals_say_by_how_much_they_are_missed() -> None:
    assert Goal("a", 1.25, 1.25).met
    assert "missed by 20%" in str(Goal("a", 1.5, 1.25))
    assert "missed by 50%" in str(Goal("a", 0.75, 1.5, at_most=False))


def test_a_report_is_written_with_medians_and_verdicts(tmp_path: Path) -> None:
    report = Report("Something")
    for seconds in (3.0, 1.0, 2.0):
        report.add("up", seconds)
    report.goals.append(Goal("up", report.median("up"), 1))
    assert not report.finish(tmp_path / "out.json")
    kept = yaml(tmp_path / "out.json")
    assert kept["medians"] == {"up": 2.0}
    assert kept["goals"][0]["met"] is False


def test_every_method_comes_first_in_turn() -> None:
    assert [rotated(["a", "b", "c"], n)[0] for n in range(4)] == ["a", "b", "c", "a"]


def test_the_growth_inventory_has_light_hosts_with_equal_roles(tmp_path: Path) -> None:
    stack = Stack(tmp_path, "md-nodes")
    growth.project(stack, "")
    growth.topology(stack, 100, 64, "")
    # In a process of its own: the roles of one project are loaded once.
    hosts = {host["name"]: host for host in json.loads(stack.command("hosts", "--json").output)}
    assert len(hosts) == 101
    for number in (1, 100):
        assert sorted(hosts[f"node-{number}"]["roles"]) == growth.ROLES


def test_ansible_is_no_dependency_of_the_project() -> None:
    assert "ansible" not in (ROOT / "uv.lock").read_text(encoding="utf-8").lower()
    assert "ansible" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8").lower()
