"""What holds for every role: discovered by folder, described, checked, pure, and in agreement with the others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from massive_deploy import roles
from massive_deploy.inventory import open_inventory
from massive_deploy.render import Renderer, stages
from massive_deploy.view import Release

ROOT = Path(__file__).resolve().parents[1]
NAMES = roles.names()
STACKS = {
    "small": "",
    "massive": "app_servers: 2\nreplicas: 2\nedge_servers: 2\nedge_address: 10.203.77.200/24\n"
    "roles: {nginx: {tls: acme}}\n",
    "sharded": "app_servers: 1\nreplicas: 0\nshards: 3\npooler: pgpool\nroles: {nginx: {tls: own}}\n",
}


def secret(name: str) -> str:
    return f"canary-{name.replace('/', '-')}"


def rendered(folder: Path, stack: str) -> tuple[Renderer, Path]:
    inventory = folder / stack
    inventory.mkdir(exist_ok=True)
    docker = "{memory: 4GiB, subnet: 10.203.77.0/24}"
    text = f"name: md-{stack}\nstack: {stack}\ntarget: docker\ndocker: {docker}\n{STACKS[stack]}"
    app = "app: {source: ., settings: shop.settings, worker: shop, domains: [shop.example]}\n"
    (inventory / "topology.yaml").write_text(text + app, encoding="utf-8")
    opened = open_inventory(inventory)
    release = Release("0123456789ab", str(folder / "release.tar.gz"))
    return Renderer(opened.layout, opened.roles, secret, release=release, authorities=(("ca.crt", "PEM"),)), inventory


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is_and_describes_every_setting(name: str) -> None:
    role = roles.load(name)
    assert role.__doc__.strip()
    assert {key for key, field in role.Settings.model_fields.items() if not (field.description or "").strip()} == set()


@pytest.mark.parametrize("name", NAMES)
def test_it_has_checks_of_the_running_thing(name: str) -> None:
    tree = ast.parse((roles.folder(name) / "checks.py").read_text(encoding="utf-8"))
    checks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")]
    assert checks
    for check in checks:
        assert ast.get_docstring(check), check.name
        assert [argument.arg for argument in check.args.args] == ["host", "view"], check.name


@pytest.mark.parametrize("name", NAMES)
def test_it_imports_no_other_role(name: str) -> None:
    for file in roles.folder(name).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            assert not module.startswith(("massive_deploy.roles", "massive_deploy.builtin")), file
            assert not (isinstance(node, ast.ImportFrom) and node.level > 1), file


@pytest.mark.parametrize("name", NAMES)
def test_it_needs_only_roles_that_exist(name: str) -> None:
    assert set(roles.load(name).NEEDS) <= set(NAMES)


@pytest.mark.parametrize("stack", STACKS)
def test_rendering_is_pure_and_roles_agree_on_shared_files(stack: str, tmp_path: Path) -> None:
    first, _ = rendered(tmp_path, stack)
    second, _ = rendered(tmp_path, stack)
    assert first.all() == second.all()


@pytest.mark.parametrize("stack", STACKS)
def test_units_and_validators_name_files_that_the_role_has(stack: str, tmp_path: Path) -> None:
    for host, wanted in rendered(tmp_path, stack)[0].all().items():
        for role, desired in wanted.items():
            named = [path for unit in desired.units for path in (*unit.restart_on, *unit.reload_on)]
            named += [path for validator in desired.validators for path in validator.paths]
            for path in named:
                assert any(file.path.startswith(path) for file in desired.files), (host, role, path)


@pytest.mark.parametrize("stack", STACKS)
def test_secrets_are_only_in_files_that_others_cannot_read(stack: str, tmp_path: Path) -> None:
    for host, wanted in rendered(tmp_path, stack)[0].all().items():
        for role, desired in wanted.items():
            for file in desired.files:
                if "canary" in file.content:
                    assert file.secret, (host, role, file.path)
                    assert not file.mode & 0o007, (host, role, file.path)
            for task in desired.tasks:
                assert "canary" not in task.run + task.observe + task.want + task.name, (host, role, task.name)
            texts = [unit.also for unit in desired.units] + [gate.command for gate in desired.gates]
            assert not any("canary" in text for text in texts), (host, role)


@pytest.mark.parametrize("stack", STACKS)
def test_every_file_says_who_manages_it(stack: str, tmp_path: Path) -> None:
    for host, wanted in rendered(tmp_path, stack)[0].all().items():
        for role, desired in wanted.items():
            for file in desired.files:
                without_comments = file.secret or file.path.endswith((".crt", ".html", ".json"))
                without_comments |= "/vendor/" in file.path  # unchanged
                without_comments |= file.path.startswith("/etc/issue")  # every word is shown to whoever logs in
                assert without_comments or "anaged by massive-deploy" in file.content[:400], (host, role, file.path)


def test_stages_put_every_role_after_what_it_needs(tmp_path: Path) -> None:
    _, inventory = rendered(tmp_path, "massive")
    opened = open_inventory(inventory)
    order = [role for generation in stages(opened.layout, opened.roles) for role in generation]
    for role in order:
        for need in opened.roles[role].NEEDS:
            if need in order:
                assert order.index(need) < order.index(role)
