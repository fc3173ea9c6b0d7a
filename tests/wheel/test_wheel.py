"""The built wheel in an empty environment, run from an empty folder: a green build alone proves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).parent / "uv"


def run(*words: str | Path, cwd: Path, code: int = 0) -> str:
    """Run a command outside this environment; its output, or the test fails with it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    line = [str(word) for word in words]
    done = subprocess.run(line, cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != code:
        pytest.fail(f"{' '.join(line)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("venv")
    run(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    run(UV, "pip", "install", "--quiet", "--python", folder / "venv/bin/python", wheel, cwd=folder)
    return folder / "venv/bin/massive-deploy"


def test_every_role_template_and_stack_is_inside(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"massive_deploy/_shipped/{path.relative_to(ROOT)}"
        for kind in ("roles", "templates", "stacks")
        for path in (ROOT / kind).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert wanted - inside == set()
    assert any(name.endswith("host_image/install.sh") for name in inside)
    modules = (ROOT / "packages/django-massive/src").rglob("*.py")
    wanted = {f"massive_deploy/_shipped/{path.relative_to(ROOT)}" for path in modules}
    assert wanted - inside == set()


def test_init_and_validate_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    run(installed, "init", "inventories/prod", cwd=tmp_path)
    assert (tmp_path / "inventories/prod/topology.yaml").is_file()
    assert "right" in run(installed, "validate", "inventories/prod", cwd=tmp_path)
    assert "edge-1" in run(installed, "hosts", "inventories/prod", cwd=tmp_path)


@pytest.mark.parametrize("stack", ["small", "massive", "sharded"])
@pytest.mark.parametrize("target", ["ssh", "docker"])
def test_every_first_inventory_is_valid(installed: Path, tmp_path: Path, stack: str, target: str) -> None:
    run(installed, "init", "shop", "--stack", stack, "--target", target, cwd=tmp_path)
    run(installed, "validate", "shop", cwd=tmp_path)


def test_init_overwrites_nothing(installed: Path, tmp_path: Path) -> None:
    run(installed, "init", cwd=tmp_path)
    assert "exists already" in run(installed, "init", cwd=tmp_path, code=3)


def test_a_wrong_topology_exits_with_6_and_names_the_place(installed: Path, tmp_path: Path) -> None:
    run(installed, "init", "prod", cwd=tmp_path)
    file = tmp_path / "prod/topology.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("replicas: 1", "replica: 1"), encoding="utf-8")
    said = run(installed, "validate", "prod", cwd=tmp_path, code=6)
    line = file.read_text(encoding="utf-8").splitlines().index("replica: 1") + 1
    assert f"topology.yaml:{line}:1" in said
    assert "did you mean 'replicas'?" in said
    assert "Traceback" not in said


def test_an_inventory_beside_a_django_project_finds_it(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text(
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pets.settings")\n', encoding="utf-8"
    )
    run(installed, "init", "inventories/prod", cwd=tmp_path)
    text = (tmp_path / "inventories/prod/topology.yaml").read_text(encoding="utf-8")
    assert "source: ../..\n" in text
    assert "settings: pets.settings" in text
