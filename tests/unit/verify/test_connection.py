"""The generated configuration, as OpenSSH itself reads it (`ssh -G` connects to nothing)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from massive_deploy.targets import Ssh
from massive_deploy.verify.connection import Connections, connections, ssh_config

REACH = {
    "db1": Ssh("192.0.2.1", 2222, "admin", Path("/keys/a key"), Path("/keys/100% known")),
    "db2": Ssh("192.0.2.2"),
}


def read(config: Path, name: str) -> dict[str, str]:
    """What ssh would do for that name."""
    command = ["ssh", "-F", str(config), "-G", name]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs OpenSSH's client")
def test_ssh_reads_it_as_meant(tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(ssh_config(REACH, tmp_path))
    first, second = read(config, "db1"), read(config, "db2")
    assert (first["hostname"], first["port"], first["user"]) == ("192.0.2.1", "2222", "admin")
    assert first["identityfile"] == "/keys/a key"
    assert first["identitiesonly"] == "yes"
    assert "/keys/100% known" in first["userknownhostsfile"].replace("%%", "%")
    assert first["controlmaster"] == "auto"
    assert first["controlpath"] == str(tmp_path / "0")
    assert first["batchmode"] == "yes"
    assert (second["hostname"], second["user"], second["controlpath"]) == ("192.0.2.2", "root", str(tmp_path / "1"))
    assert first["stricthostkeychecking"] in ("yes", "true")


def test_only_foreign_hosts_get_the_users_own_configuration(tmp_path: Path) -> None:
    text = ssh_config(REACH, tmp_path)
    assert "Host db2\n  Include ~/.ssh/config" in text
    assert "Include" not in ssh_config({"db1": REACH["db1"]}, tmp_path)


def test_users_other_than_root_get_sudo(tmp_path: Path) -> None:
    opened = Connections(REACH, tmp_path / "ssh_config")
    assert opened("db1").backend.sudo is True
    assert opened("db2").backend.sudo is False


def test_closing_without_having_opened_is_quiet(tmp_path: Path) -> None:
    with connections(REACH, tmp_path) as opened:
        assert opened.config.exists()
