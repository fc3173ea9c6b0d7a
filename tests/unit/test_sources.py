"""Real folders and real git repositories; nothing leaves this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from massive_deploy import sources
from massive_deploy.errors import MassiveDeployError
from massive_deploy.topology.model import App

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
IDENTITY = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com"}
IDENTITY |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_GLOBAL": os.devnull}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "shop").mkdir(parents=True)
    (folder / "manage.py").write_text("#!/usr/bin/env python\n")
    (folder / "manage.py").chmod(0o755)
    (folder / "requirements.txt").write_text("Django\n")
    (folder / "shop/settings.py").write_text("")
    return folder


def app(source: Path | str, **more: Any) -> App:
    return App(source=str(source), settings="shop.settings", **more)


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **IDENTITY})
    return done.stdout.strip()


def names(release: sources.Release) -> list[str]:
    with tarfile.open(release.archive) as tar:
        return tar.getnames()


def refused(source: Path | str, base: Path, **more: Any) -> MassiveDeployError:
    with pytest.raises(MassiveDeployError) as caught:
        sources.fetch(app(source, **more), base)
    return caught.value


def test_an_archive_holds_the_source_and_how_it_is_built(project: Path) -> None:
    release = sources.fetch(app(project.name), project.parent)
    assert Path(release.archive).name == f"{release.id}.tar.gz"
    assert len(release.id) == 12
    assert names(release) == [
        "recipe/choices.env", "recipe/django_massive-0.1.0-py3-none-any.whl", "recipe/requirements.txt",
        "recipe/runtime.txt",
        "src/manage.py", "src/requirements.txt", "src/shop/settings.py",
    ]  # fmt: skip


def test_nothing_of_time_user_or_machine_is_in_it(project: Path) -> None:
    first = sources.fetch(app(project), project)
    raw = Path(first.archive).read_bytes()
    Path(first.archive).unlink()
    os.utime(project / "manage.py", (1, 1))
    assert sources.fetch(app(project), project) == first
    assert Path(first.archive).read_bytes() == raw
    with tarfile.open(first.archive) as tar:
        assert {(m.mtime, m.uid, m.gid, m.uname) for m in tar} == {(0, 0, 0, "")}
        assert (tar.getmember("src/manage.py").mode, tar.getmember("src/shop/settings.py").mode) == (0o755, 0o644)


@pytest.mark.parametrize(
    "more",
    [
        {"pip": ["x"]},
        {"worker": "shop"},
        {"collectstatic": False},
        {"overlay": False},
        {"runtime": False},
        {"settings": "shop.prod"},
    ],
)
def test_whatever_changes_the_build_is_another_release(project: Path, more: dict[str, Any]) -> None:
    other = App(**{"source": str(project), "settings": "shop.settings", **more})
    assert sources.fetch(app(project), project).id != sources.fetch(other, project).id


def test_a_project_may_go_without_django_massive(project: Path) -> None:
    assert not [name for name in names(sources.fetch(app(project, runtime=False), project)) if name.endswith(".whl")]


def test_what_does_not_change_the_build_is_the_same_release(project: Path) -> None:
    more = {"environment": {"COLOUR": "green"}, "domains": ["example.com"], "health": "/up"}
    assert sources.fetch(app(project), project) == sources.fetch(app(project, **more), project)


def test_a_folder_without_git_leaves_leftovers_behind(project: Path) -> None:
    (project / ".git").mkdir()
    for name in ("shop/__pycache__/a.pyc", "env/pyvenv.cfg", "env/bin/python", ".mypy_cache/x", "node_modules/x/y"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    for name in ("db.sqlite3", "a.pyc", ".git/HEAD"):
        (project / name).touch()
    assert [n for n in names(sources.fetch(app(project), project)) if n.startswith("src/")] == [
        "src/manage.py", "src/requirements.txt", "src/shop/settings.py",
    ]  # fmt: skip


@needs_git
def test_a_checkout_gives_what_git_knows_or_could_know(project: Path) -> None:
    git(project, "init", "--quiet")
    (project / ".gitignore").write_text("secret.env\n")
    git(project, "add", "manage.py", "shop")
    (project / "secret.env").write_text("x")
    (project / "gone.py").touch()
    git(project, "add", "gone.py")
    (project / "gone.py").unlink()
    found = names(sources.fetch(app(project), project))
    assert {"src/requirements.txt", "src/.gitignore"} <= set(found)
    assert not {"src/secret.env", "src/gone.py"} & set(found)


@needs_git
@pytest.mark.parametrize("bare", [True, False], ids=["path of a bare repository", "file URL"])
def test_a_repository_gives_the_ref(project: Path, tmp_path: Path, bare: bool) -> None:
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=one")
    git(project, "tag", "--annotate", "v1", "--message=one")
    first = git(project, "rev-parse", "HEAD")
    (project / "shop/new.py").touch()
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=two")
    git(tmp_path, "clone", "--quiet", "--bare", str(project), "repository")
    source = "repository" if bare else (tmp_path / "repository").as_uri()

    newest = sources.fetch(app(source), tmp_path)
    assert "src/shop/new.py" in names(newest)
    assert newest.commit == git(project, "rev-parse", "HEAD")
    named = sources.fetch(app(source, ref="main"), tmp_path)
    assert (named.id, named.archive, named.commit, named.ref) == (newest.id, newest.archive, newest.commit, "main")
    old = sources.fetch(app(source, ref="v1"), tmp_path)
    assert (old.ref, old.commit) == ("v1", first)
    assert "src/shop/new.py" not in names(old)
    assert {sources.fetch(app(source, ref=ref), tmp_path).id for ref in (first, first[:9])} == {old.id}

    error = refused(source, tmp_path, ref="nope")
    assert "no branch, tag or commit nope" in error.what
    assert "main" in error.fix
    assert "no branch, tag or commit abcdef1" in refused(source, tmp_path, ref="abcdef1").what


@needs_git
def test_a_repository_is_fetched_again_when_its_branch_moves(project: Path, tmp_path: Path) -> None:
    git(project, "init", "--quiet", "--initial-branch=main")
    for step in ("one", "two"):
        (project / f"{step}.txt").touch()
        git(project, "add", "--all")
        git(project, "commit", "--quiet", f"--message={step}")
        assert f"src/{step}.txt" in names(sources.fetch(app(project.as_uri()), tmp_path))


@needs_git
def test_a_commit_that_was_fetched_is_found_without_the_repository(project: Path, tmp_path: Path) -> None:
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=one")
    url = project.as_uri()
    first = sources.fetch(app(url), tmp_path)
    project.rename(tmp_path / "elsewhere")
    assert sources.fetch(app(url, ref=first.commit), tmp_path).id == first.id
    assert sources.has_refs(app(url), tmp_path)
    assert not sources.has_refs(app("elsewhere"), tmp_path)


@needs_git
def test_an_unreachable_repository_is_named_without_its_password(tmp_path: Path) -> None:
    error = refused(f"file://user:hunter2@localhost{tmp_path}/none", tmp_path)
    assert "cannot read the repository" in error.what
    assert "hunter2" not in error.what + error.fix


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    assert "is no folder" in refused("none", tmp_path).what


def test_candidates_are_named_when_manage_py_is_elsewhere(project: Path) -> None:
    error = refused(project, project, subdirectory="site")
    assert "there is no site/manage.py" in error.what
    assert error.fix == "set app.subdirectory to one of: ."


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "shop/../../outside"])
def test_links_out_of_the_source_are_refused(project: Path, target: str) -> None:
    (project / "link").symlink_to(target)
    error = refused(project, project)
    assert "the link link points outside the source" in error.what


def test_links_inside_are_kept(project: Path) -> None:
    (project / "shop/link").symlink_to("../manage.py")
    with tarfile.open(sources.fetch(app(project), project).archive) as tar:
        assert tar.getmember("src/shop/link").linkname == "../manage.py"
