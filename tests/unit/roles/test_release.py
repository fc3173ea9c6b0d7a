from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from massive_deploy.engine import plan
from massive_deploy.engine.observed import Observed

from .web_stack import RELEASE, desired, file

HOSTS = ("app-1", "app-2")
PACKAGES = {name: "1" for host in HOSTS for role in ("release", "app") for name in desired(role, host).packages}
SCRIPTS = "/usr/local/lib/massive-deploy"


def test_it_is_built_and_packed_on_the_first_host_alone() -> None:
    first, second = desired("release", "app-1"), desired("release", "app-2")
    names = [task.name for task in first.tasks]
    assert [name.split()[-1] for name in names] == ["built", "hosts"]
    assert second.tasks == ()
    assert first.files == second.files


def test_the_source_goes_up_and_the_built_release_comes_back() -> None:
    build, pack = desired("release", "app-1").tasks
    assert build.artifact == Path(RELEASE.archive)
    assert pack.fetch is not None
    assert pack.fetch[0] == f"/srv/app/packed/{RELEASE.id}.tar.gz"
    assert pack.fetch[1].parts[-3:] == ("releases", "trial", f"{RELEASE.id}.tar.gz")


def test_one_app_host_needs_no_pack() -> None:
    alone = {"release": ("app-1",), "app": ("app-1",)}
    assert len(desired("release", "app-1", placed=alone).tasks) == 1


def test_a_kept_release_is_packed_only_for_a_host_that_lacks_it() -> None:
    kept = replace(RELEASE, kept=True)
    roles = {host: {role: desired(role, host, release=kept) for role in ("release", "app")} for host in HOSTS}
    there = {"release/" + task.name: task.want for task in desired("release", "app-1", release=kept).tasks}
    switch = {f"app/release {kept.id} current": "releases/other"}
    shipped = {f"app/release {kept.id} shipped": "shipped"}

    def due(second: dict[str, str]) -> list[str]:
        seen = {"app-1": Observed(tasks=there | switch), "app-2": Observed(tasks=switch | second)}
        first = plan.make(roles, {host: replace(one, packages=PACKAGES) for host, one in seen.items()}).hosts[0]
        return [change.task.name for role in first.roles for change in role.tasks]

    assert subprocess.run(["sh", "-c", roles["app-1"]["release"].tasks[1].observe], check=True, capture_output=True)
    assert not [name for name in due(shipped) if "packed" in name]
    assert [name for name in due({}) if "packed" in name]


def test_without_a_source_nothing_is_built() -> None:
    assert desired("release", "app-1", release=None).tasks == ()


@pytest.mark.parametrize("subdirectory", [".", "site", "site/back-end"])
def test_scripts_are_valid_shell(subdirectory: str) -> None:
    wanted = desired("release", "app-1", app={"subdirectory": subdirectory})
    scripts = [one.content for one in wanted.files if one.content.startswith("#!/bin/sh")]
    assert len(scripts) == 9
    for script in scripts:
        assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0


def test_python_scripts_are_valid() -> None:
    for name in ("collect-static", "check-runtime", "newer-migrations"):
        compile(file(desired("release", "app-1"), f"{SCRIPTS}/{name}").content, name, "exec")


def test_secrets_stay_in_the_environment_file() -> None:
    wanted = desired("release", "app-1")
    holding = {one.path for one in wanted.files if "secret of" in one.content}
    assert holding == {"/etc/massive-deploy/next/app.env"}
    env = file(wanted, "/etc/massive-deploy/next/app.env")
    assert (env.mode, env.group, env.secret) == (0o640, "app", True)
    assert all("secret of" not in task.run + task.observe for task in wanted.tasks)


def run_script(name: str, root: Path, *words: str, code: int = 0, folder: Path | None = None) -> None:
    """A script of the role, with /srv/app below a scratch folder and its helpers beside it."""
    helpers = root / "lib"
    helpers.mkdir(exist_ok=True)
    for one in desired("release", "app-1").files:
        if one.content.startswith("#!/bin/sh"):
            moved = one.content.replace("/srv/app", str(root)).replace("/usr/local/lib/massive-deploy", str(helpers))
            moved = moved.replace("/var/lib/massive-deploy", str(root / "state"))
            moved = moved.replace("/var/lib/prometheus/node-exporter", str(root / "told"))
            (helpers / Path(one.path).name).write_text(moved, encoding="utf-8")
            (helpers / Path(one.path).name).chmod(0o755)
    assert subprocess.run([str(helpers / name), *words], check=False, cwd=folder).returncode == code


def complete(root: Path, *releases: str) -> None:
    for number, name in enumerate(releases):
        folder = root / "releases" / name
        (folder / "static").mkdir(parents=True)
        (folder / ".complete").touch()
        (folder / "static" / f"{name}.css").touch()
        subprocess.run(["touch", "-d", f"2024-01-01 00:00:{number:02}", str(folder)], check=True)


def test_switching_keeps_the_newest_releases(tmp_path: Path) -> None:
    for number in range(1, 6):
        complete(tmp_path, f"r{number}")
        run_script("switch-release", tmp_path, f"r{number}", "main", f"{number}" * 40)
        # Several switches in one second still have an order.
        folder = str(tmp_path / f"releases/r{number}")
        subprocess.run(["touch", "-d", f"2024-01-01 00:01:0{number}", folder], check=True)
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == ["r3", "r4", "r5"]
    assert str((tmp_path / "current").readlink()) == "releases/r5"
    assert str((tmp_path / "previous").readlink()) == "releases/r4"
    told = [line.split("\t")[1:] for line in (tmp_path / "releases.log").read_text().splitlines()]
    assert told[-1] == ["switch", "r5", "main", "5" * 40]
    assert len(told) == 5


def test_a_release_that_would_be_gone_back_to_is_kept(tmp_path: Path) -> None:
    complete(tmp_path, "r1")
    kept = tmp_path / "state/before/app"
    kept.mkdir(parents=True)
    (kept / "kept").write_text("releases/r1 -\n", encoding="ascii")
    for n in range(2, 8):
        complete(tmp_path, f"r{n}")
        run_script("switch-release", tmp_path, f"r{n}")
    left = {path.name for path in (tmp_path / "releases").iterdir()}
    assert "r1" in left
    assert "r2" not in left


def test_an_incomplete_release_is_not_switched_to(tmp_path: Path) -> None:
    (tmp_path / "releases/r1").mkdir(parents=True)
    run_script("switch-release", tmp_path, "r1", code=1)
    assert not (tmp_path / "current").is_symlink()


def test_going_back_undoes_a_switch_and_leaves_a_mark(tmp_path: Path) -> None:
    complete(tmp_path, "r1", "r2", "r3")
    for name in ("r1", "r2", "r3"):
        run_script("switch-release", tmp_path, name)
    run_script("switch-release", tmp_path, "--back", "releases/r2", "releases/r1")
    assert str((tmp_path / "current").readlink()) == "releases/r2"
    assert str((tmp_path / "previous").readlink()) == "releases/r1"
    assert (tmp_path / "releases.log").read_text().splitlines()[-1].split("\t")[1:3] == ["back", "r3"]
    before = (tmp_path / "releases.log").read_text()
    run_script("switch-release", tmp_path, "--back", "releases/r2", "releases/r1")
    assert (tmp_path / "releases.log").read_text() == before


def told_to_node_exporter(root: Path) -> tuple[str, float]:
    """The labels of the only sample, and its value."""
    lines = (root / "told/massive-release.prom").read_text(encoding="ascii").splitlines()
    (sample,) = (line for line in lines if not line.startswith("#"))
    assert sample.startswith("massive_release_live_timestamp_seconds{")
    labels, _, value = sample.partition("{")[2].partition("} ")
    return labels, float(value)


def test_since_when_a_release_is_served_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "told").mkdir()
    complete(tmp_path, "r1", "r2")
    run_script("switch-release", tmp_path, "r1", 'v"1\\', "c" * 40)
    before = os.umask(0o077)
    run_script("note-release", tmp_path, "r1")
    os.umask(before)
    assert (tmp_path / "told/massive-release.prom").stat().st_mode & 0o777 == 0o644
    labels, at = told_to_node_exporter(tmp_path)
    assert labels == f'release="r1",ref="v1",commit="{"c" * 12}"'
    assert abs(at - time.time()) < 60
    file = tmp_path / "told/massive-release.prom"
    file.write_text(file.read_text(encoding="ascii").replace(f"{at:.0f}", "1700000000"), encoding="ascii")
    run_script("note-release", tmp_path, "r1")
    assert told_to_node_exporter(tmp_path) == (labels, 1700000000), "a restart is no release"
    run_script("switch-release", tmp_path, "r2")
    run_script("note-release", tmp_path, "r2")
    labels, at = told_to_node_exporter(tmp_path)
    assert labels == 'release="r2",ref="",commit=""'
    assert at > 1700000000
    run_script("note-release", tmp_path, "r1")
    assert 'release="r1"' in told_to_node_exporter(tmp_path)[0], "gone back to"
    assert [path.name for path in (tmp_path / "told").iterdir()] == ["massive-release.prom"]


def test_nothing_is_told_where_nobody_reads_it_or_nothing_is_known(tmp_path: Path) -> None:
    run_script("note-release", tmp_path, "r1")
    (tmp_path / "told").mkdir()
    run_script("note-release", tmp_path, "r1")
    assert told_to_node_exporter(tmp_path)[0] == 'release="r1",ref="",commit=""'


def test_static_files_of_every_kept_release_are_found(tmp_path: Path) -> None:
    complete(tmp_path, "r1", "r2", "r3")
    (tmp_path / "releases/half").mkdir()
    run_script("link-static", tmp_path)
    assert [(tmp_path / f"kept/{n}").resolve().name for n in (1, 2, 3)] == ["r3", "r2", "r1"]
    shutil.rmtree(tmp_path / "releases/r1")
    run_script("link-static", tmp_path)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["1", "2"]


def reused(root: Path, name: str, requirements: str, code: int) -> Path:
    """A new release with these requirements, after it was asked whether it may take an environment that is there."""
    release = root / "releases" / name
    (release / "recipe").mkdir(parents=True)
    (release / "src").mkdir()
    (release / "src/requirements.txt").write_text(requirements, encoding="utf-8")
    (release / "recipe/runtime.txt").write_text("gunicorn\n", encoding="utf-8")
    run_script("reuse-environment", root, "requirements", "requirements.txt", code=code, folder=release)
    if code:
        (release / "venv/bin").mkdir(parents=True)
        (release / "venv/bin/tool").write_text(f"#!{release}/venv/bin/python\n", encoding="utf-8")
    (release / ".complete").touch()
    return release


def test_an_environment_made_from_the_same_requirements_is_taken(tmp_path: Path) -> None:
    reused(tmp_path, "r1", "django==5.2\n", 1)
    second = reused(tmp_path, "r2", "django==5.2\n", 0)
    shutil.rmtree(tmp_path / "releases/r1")
    assert (second / "venv/bin/tool").read_text(encoding="utf-8") == f"#!{second}/venv/bin/python\n"
    reused(tmp_path, "r3", "django==5.2.1\n", 1)


@pytest.mark.parametrize(
    "line",
    ["-r more.txt", "./lib", "lib @ file:///srv/lib", "  -e .", "/srv/lib.whl", "lib @ ./lib", "libs/lib", "lib.whl"],
)
def test_requirements_that_name_files_are_installed_anew(tmp_path: Path, line: str) -> None:
    reused(tmp_path, "r1", f"django==5.2\n{line}\n", 1)
    reused(tmp_path, "r2", f"django==5.2\n{line}\n", 1)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ('virtual = "."', 0),
        ('editable = "."', 0),
        ('registry = "https://pypi.org/simple"', 0),
        ('directory = "libs/lib"', 1),
        ('editable = "libs/lib"', 1),
        ('editable = "../lib"', 1),
        ('path = "lib.whl"', 1),
    ],
)
def test_a_lock_that_names_folders_is_installed_anew(tmp_path: Path, source: str, code: int) -> None:
    for name in ("r1", "r2"):
        release = tmp_path / "releases" / name
        for folder in ("recipe", "src"):
            (release / folder).mkdir(parents=True)
        (release / "src/uv.lock").write_text(f"[[package]]\nsource = {{ {source} }}\n", encoding="utf-8")
        (release / "recipe/runtime.txt").touch()
        asked = ("reuse-environment", tmp_path, "uv", "uv.lock")
        run_script(*asked, code=1 if name == "r1" else code, folder=release)
        if name == "r1":
            (release / "venv/bin").mkdir(parents=True)
            (release / "venv/bin/tool").touch()
            (release / ".complete").touch()


def test_what_a_lock_names_by_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "src/site").mkdir(parents=True)
    script = file(desired("release", "app-1"), f"{SCRIPTS}/build-release").content
    install = script[script.index("install_all() {") : script.index("\nif [ ")].replace("/srv/app", str(tmp_path))
    said = f'set -eu\nrelease={tmp_path} KIND=uv FILE=site/uv.lock PROJECT=no\nas_app() {{ echo "$PWD $*"; }}\n'
    done = subprocess.run(
        ["sh", "-c", f"{said}{install}\ninstall_all"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    pip = f"{tmp_path}/venv/bin/python -m pip --quiet install -r {tmp_path}/recipe/exported.txt"
    assert f"{tmp_path}/src/site {pip}" in done.stdout.splitlines()


@pytest.mark.skipif(shutil.which("brotli") is None, reason="needs the brotli program")
def test_texts_that_gain_are_compressed_beside_themselves(tmp_path: Path) -> None:
    static = tmp_path / "static"
    static.mkdir()
    (static / "a long.css").write_text("a { color: red }\n" * 100, encoding="ascii")
    (static / "short.css").write_text("a", encoding="ascii")
    (static / "picture.png").write_bytes(b"0" * 4000)
    run_script("compress-static", tmp_path, str(static))
    names = ["a long.css", "a long.css.br", "a long.css.gz", "picture.png", "short.css"]
    assert sorted(path.name for path in static.iterdir()) == names


@pytest.mark.parametrize(("psycopg", "django", "why"), [
    ("3.1.14", (4, 2), ""), ("3.2.0.dev1", (5, 2), ""), ("3.1.13", (5, 2), "3.1.14"), ("3.3", (3, 2), "psycopg2"),
])  # fmt: skip
def test_what_blocks_under_gevent_is_refused(tmp_path: Path, psycopg: str, django: tuple[int, int], why: str) -> None:
    modules = {
        "psycopg": f"__version__ = {psycopg!r}",
        "django": f"VERSION = {django}\ndef get_version(): return '.'.join(map(str, VERSION))",
        "psycopg_pool": "",
        "gunicorn/__init__": "",
        "gunicorn/workers/__init__": "",
        "gunicorn/workers/ggevent": "",
    }
    for name, text in modules.items():
        (tmp_path / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    script = file(desired("release", "app-1"), f"{SCRIPTS}/check-runtime").content
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{script}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == (why == ""), done.stderr
    assert why in done.stderr
