"""Secrets with the real age: sealed for the right keys, private on disk, and never in the clear."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner

from massive_deploy.cli.app import app
from massive_deploy.errors import Exit, InvalidInput, MassiveDeployError, Refused, Unusable
from massive_deploy.secrets import MissingSecret, Secrets
from massive_deploy.secrets_edit import edit, parse

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MASSIVE_DEPLOY_IDENTITY", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "inventories" / "demo"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def inventory(folder: Path) -> Path:
    text = (ROOT / "inventories/demo/topology.yaml").read_text(encoding="utf-8")
    (folder / "topology.yaml").write_text(text.replace("../../examples", str(ROOT / "examples")), encoding="utf-8")
    return folder


def other_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Become another user; returns that user's public key."""
    identity = pyrage.x25519.Identity.generate()
    file = tmp_path / "other.txt"
    file.write_text(f"# created: today\n{identity}\n", encoding="ascii")
    monkeypatch.setenv("MASSIVE_DEPLOY_IDENTITY", str(file))
    return str(identity.to_public())


def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """An editor that runs a shell script on the file `$1` and notes where that file was."""
    seen = tmp_path / "seen"
    program = tmp_path / "my editor"
    program.write_text(f'#!/bin/sh\nstat -c "%a %n" "$1" >>"{seen}"\n{script}\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("EDITOR", f"'{program}' ")
    return seen


def never(_error: InvalidInput) -> bool:
    return False


def sealed(folder: Path, **values: str) -> Secrets:
    secrets = Secrets(folder)
    secrets.update({name.replace("__", "/"): value for name, value in values.items()})
    secrets.save()
    return secrets


def test_a_generated_secret_is_the_same_next_time(folder: Path) -> None:
    secrets = Secrets(folder)
    value = secrets("redis/password")
    assert re.fullmatch(r"[A-Za-z0-9]{32}", value)
    assert secrets.save()
    assert not secrets.save()
    assert Secrets(folder)("redis/password") == value


def test_files_are_private_and_nothing_is_left_in_the_clear(folder: Path, tmp_path: Path) -> None:
    value = Secrets(folder)("never/saved")
    secrets = Secrets(folder)
    saved = secrets("redis/password")
    secrets.save()
    assert {path.name for path in folder.iterdir()} == {"secrets.age", "recipients.txt"}
    assert stat.S_IMODE((folder / "secrets.age").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "config/massive-deploy/identity.txt").stat().st_mode) == 0o600
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert saved.encode() not in content
    assert value.encode() not in content
    assert b"redis/password" not in content


def test_a_value_that_others_issue_is_never_made_up(folder: Path) -> None:
    secrets = Secrets(folder)
    with pytest.raises(MissingSecret) as missing:
        secrets("app/env/stripe_key")
    assert f"secrets edit {folder}" in missing.value.fix
    secrets.update({"app/env/stripe_key": "smtp://me:p%40ss@mail.example/?tls=1"})
    secrets.save()
    assert Secrets(folder)("app/env/stripe_key") == "smtp://me:p%40ss@mail.example/?tls=1"
    with pytest.raises(Refused):
        Secrets(folder).rotate(["app/env/stripe_key"])


def test_a_failed_write_keeps_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = sealed(folder, redis__password="old")

    def broken(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    secrets.update({"redis/password": "new"})
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="No space"):
            secrets.save()
    assert Secrets(folder).values() == {"redis/password": "old"}
    assert {path.name for path in folder.iterdir()} == {"secrets.age", "recipients.txt"}


def test_two_recipients_can_open_it_until_one_is_removed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = sealed(folder, redis__password="x1")
    with monkeypatch.context() as patch:
        theirs = other_identity(tmp_path, patch)
        with pytest.raises(Unusable, match="not encrypted for") as refused:
            Secrets(folder).values()
        assert f"secrets recipients add {folder} {theirs}" in refused.value.fix
    assert secrets.admit(theirs)
    assert not secrets.admit(theirs)
    with monkeypatch.context() as patch:
        patch.setenv("MASSIVE_DEPLOY_IDENTITY", str(tmp_path / "other.txt"))
        assert Secrets(folder).values() == {"redis/password": "x1"}
        with pytest.raises(Refused, match="your own key"):
            Secrets(folder).expel(theirs)
    Secrets(folder).expel(theirs)
    assert Secrets(folder).values() == {"redis/password": "x1"}
    assert theirs not in (folder / "recipients.txt").read_text()
    with monkeypatch.context() as patch:
        patch.setenv("MASSIVE_DEPLOY_IDENTITY", str(tmp_path / "other.txt"))
        with pytest.raises(MassiveDeployError, match="not encrypted for"):
            Secrets(folder).values()


def test_nobody_is_locked_out_by_their_own_save(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed(folder, redis__password="x1")
    (folder / "secrets.age").unlink()
    mine = other_identity(tmp_path, monkeypatch)
    secrets = Secrets(folder)
    secrets("redis/password")
    with pytest.raises(MassiveDeployError, match="does not name this user's key") as refused:
        secrets.save()
    assert mine in refused.value.fix
    assert not (folder / "secrets.age").exists()


def test_errors_say_what_where_and_next(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed(folder, redis__password="x1")
    whole = (folder / "secrets.age").read_bytes()
    for damage in (b"", whole[:40], whole[:-3], b"junk" * 50):
        (folder / "secrets.age").write_bytes(damage)
        with pytest.raises(Unusable, match=r"secrets\.age is damaged") as damaged:
            Secrets(folder).values()
        assert "git checkout" in damaged.value.fix
        assert damaged.value.code == Exit.INVALID
    (folder / "secrets.age").write_bytes(whole)
    (folder / "recipients.txt").write_text("# ours\nage1nonsense\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"recipients\.txt:2:1: no age public key"):
        Secrets(folder).recipients.read()
    monkeypatch.setenv("MASSIVE_DEPLOY_IDENTITY", str(tmp_path / "nowhere"))
    with pytest.raises(MassiveDeployError, match=r"no age identity at .*nowhere"):
        Secrets(folder).values()
    (tmp_path / "nowhere").write_text("AGE-SECRET-KEY-1NONSENSE\n", encoding="ascii")
    with pytest.raises(MassiveDeployError, match="is damaged"):
        Secrets(folder).values()


def test_an_editor_changes_adds_and_removes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = sealed(folder, redis__password="x1", app__salt="y1", app__gone="z1")
    script = 'sed -i -e \'s/x1/"a_b-c.d~9"/\' -e /gone/d "$1"; echo \'mail/password: 007\' >>"$1"; cp "$1" "$1~"'
    seen = editor(tmp_path, monkeypatch, script)
    assert edit(secrets, never) == (["mail/password", "redis/password"], ["app/gone"])
    after = {"redis/password": "a_b-c.d~9", "app/salt": "y1", "mail/password": "007"}
    assert Secrets(folder).values() == after
    mode, path = seen.read_text().strip().split(" ", 1)
    assert mode == "600"
    assert not Path(path).parent.exists()


def test_what_an_editor_leaves_wrong_is_not_saved(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = sealed(folder, redis__password="x1")
    seen = editor(tmp_path, monkeypatch, "echo 'mail/password: with space' >>\"$1\"")
    asked: list[InvalidInput] = []

    def twice(error: InvalidInput) -> bool:
        asked.append(error)
        return len(asked) < 2

    with pytest.raises(InvalidInput, match="letters, digits") as wrong:
        edit(secrets, twice)
    assert "with space" not in str(wrong.value)
    assert len(seen.read_text().splitlines()) == 2
    editor(tmp_path, monkeypatch, "echo 'redis/password: other' >\"$1\"; exit 3")
    with pytest.raises(MassiveDeployError, match="ended with 3; nothing is saved"):
        edit(secrets, never)
    assert Secrets(folder).values() == {"redis/password": "x1"}
    for line in seen.read_text().splitlines():
        assert not Path(line.split(" ", 1)[1]).parent.exists()


def test_a_killed_edit_removes_its_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = sealed(folder, redis__password="x1")
    seen = editor(tmp_path, monkeypatch, f"kill -TERM {os.getpid()}; sleep 0.2")
    with pytest.raises(SystemExit):
        edit(secrets, never)
    assert not Path(seen.read_text().strip().split(" ", 1)[1]).parent.exists()


def test_what_was_saved_while_the_editor_was_open_is_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = sealed(folder, redis__password="x1")
    secrets.values()
    sealed(folder, etcd__root="z1")
    editor(tmp_path, monkeypatch, 'sed -i s/x1/x2/ "$1"')
    edit(secrets, never)
    assert Secrets(folder).values() == {"redis/password": "x2", "etcd/root": "z1"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: \n", "empty"),
        ("a: b c\n", "letters, digits"),
        ("a: b@c\n", "letters, digits"),
        ("a: ünï\n", "letters, digits"),
        ("A B: c\n", "lower-case"),
        ("../a: c\n", "lower-case"),
        ("just words\n", "no `name: value`"),
        ("a: b\na: b\n", "twice"),
    ],
)
def test_wrong_lines_are_named(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        parse(text)


def run(*words: str | Path) -> tuple[int, str]:
    """Exit code and output of a command, errors of ours as the program shows them."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, MassiveDeployError):
        return result.exception.code, f"{result.exception.what}\n{result.exception.fix}"
    return result.exit_code, result.output


def test_the_commands_from_first_to_last(inventory: Path, tmp_path: Path) -> None:
    code, text = run("secrets", "show", inventory)
    assert code == 1
    assert f"secrets init {inventory}" in text
    code, text = run("secrets", "init", inventory)
    assert code == 0, text
    assert (tmp_path / "config/massive-deploy/identity.txt").exists()
    values = dict(Secrets(inventory).values())
    assert {"redis/password", "postgresql/superuser", "etcd/root", "app/secret-key"} <= set(values)
    assert "nothing to add" in run("secrets", "init", inventory)[1]

    code, shown = run("secrets", "show", inventory)
    assert shown.split() == sorted(values)
    assert not any(value in shown for value in values.values())
    assert run("secrets", "show", inventory, "redis/*", "--reveal")[0] == 3
    assert run("secrets", "show", inventory, "redis/*", "--reveal", "--yes")[1].strip() == (
        f"redis/password: {values['redis/password']}"
    )

    code, text = run("secrets", "rotate", inventory, "redis/password", "postgresql/re*")
    assert code == 0
    assert f"massive-deploy up {inventory}" in text
    after = Secrets(inventory).values()
    changed = {name for name in values if values[name] != after[name]}
    assert changed == {name for name in values if name.startswith(("redis/", "postgresql/re"))}
    assert not any(value in text for value in after.values())
    assert run("secrets", "rotate", inventory, "no/such")[0] == 1

    key = str(pyrage.x25519.Identity.generate().to_public())
    assert "added" in run("secrets", "recipients", "add", inventory, key)[1]
    assert "there already" in run("secrets", "recipients", "add", inventory, key)[1]
    listed = run("secrets", "recipients", "list", inventory)[1]
    assert key in listed
    assert "  you" in listed
    assert "rotate" in run("secrets", "recipients", "remove", inventory, key)[1]
    assert key not in run("secrets", "recipients", "list", inventory)[1]
    assert run("secrets", "recipients", "add", inventory, "age1x")[0] == 1
