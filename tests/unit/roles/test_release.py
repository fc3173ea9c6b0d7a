from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .web_stack import RELEASE, desired, file

SCRIPTS = "/usr/local/lib/massive-deploy"


def test_it_is_built_packed_and_migrated_on_the_first_host_alone() -> None:
    first, second = desired("release", "app-1"), desired("release", "app-2")
    names = [task.name for task in first.tasks]
    assert [name.split()[-1] for name in names] == ["built", "hosts", "applied"]
    assert second.tasks == ()
    assert first.files == second.files


def test_the_source_goes_up_and_the_built_release_comes_back() -> None:
    build, pack, _ = desired("release", "app-1").tasks
    assert build.artifact == Path(RELEASE.archive)
    assert pack.fetch is not None
    assert pack.fetch[0] == f"/srv/app/packed/{RELEASE.id}.tar.gz"
    assert pack.fetch[1].parts[-3:] == ("releases", "trial", f"{RELEASE.id}.tar.gz")


def test_one_app_host_needs_no_pack() -> None:
    alone = {"release": ("app-1",), "app": ("app-1",)}
    assert len(desired("release", "app-1", placed=alone).tasks) == 2


def test_every_writable_database_is_migrated() -> None:
    *_, migrate = desired("release", "app-1", shards=2).tasks
    assert migrate.want == f"{RELEASE.id} default@trial-1 shard1@trial-1 shard2@trial-2"
    assert migrate.run.count(" migrate --noinput --database=") == 3
    assert "replica" not in migrate.run


def test_migrations_may_be_left_out() -> None:
    tasks = desired("release", "app-1", app={"migrate": False}).tasks
    assert all("migrat" not in task.name for task in tasks)


def test_without_a_source_nothing_is_built() -> None:
    assert desired("release", "app-1", release=None).tasks == ()


@pytest.mark.parametrize("subdirectory", [".", "site", "site/back-end"])
def test_scripts_are_valid_shell(subdirectory: str) -> None:
    wanted = desired("release", "app-1", app={"subdirectory": subdirectory})
    for name in ("build-release", "manage", "pack-release"):
        script = file(wanted, f"{SCRIPTS}/{name}").content
        assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0


def test_static_collection_is_valid_python() -> None:
    compile(file(desired("release", "app-1"), f"{SCRIPTS}/collect-static").content, "collect-static", "exec")


def test_secrets_stay_in_the_environment_file() -> None:
    wanted = desired("release", "app-1")
    holding = {one.path for one in wanted.files if "secret of" in one.content}
    assert holding == {"/etc/massive-deploy/app.env"}
    env = file(wanted, "/etc/massive-deploy/app.env")
    assert (env.mode, env.group, env.secret) == (0o640, "app", True)
    assert all("secret of" not in task.run + task.observe for task in wanted.tasks)
