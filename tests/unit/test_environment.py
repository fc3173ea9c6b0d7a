from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from massive_deploy.environment import database_variable, env_file
from massive_deploy.topology.layout import Alias

ODD = [
    "",
    "plain",
    "a b",
    'say "no"',
    "it's",
    "$HOME",
    "`id`",
    "back\\slash",
    "end\\",
    "two\nlines",
    "tab\there",
    "#x",
    "ünï",
]


@pytest.mark.parametrize("value", ODD)
def test_a_shell_reads_what_was_written(value: str, tmp_path: Path) -> None:
    path = tmp_path / "app.env"
    path.write_text(env_file({"BEFORE": "1", "ODD": value, "AFTER": "2"}))
    script = '. "$1"; printf "%s|%s|%s" "$BEFORE" "$ODD" "$AFTER"'
    read = subprocess.run(["sh", "-c", script, "sh", str(path)], capture_output=True, text=True, check=True)
    assert read.stdout == f"1|{value}|2"


@pytest.mark.parametrize("value", ["bell\a", "null\0", "carriage\r", "delete\x7f"])
def test_what_systemd_would_drop_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="control"):
        env_file({"X": value})


@pytest.mark.parametrize(
    ("alias", "writable", "variable"),
    [
        ("default", True, "DATABASE_URL"),
        ("replica", False, "DATABASE_REPLICA_URL"),
        ("shard2", True, "SHARD2_DATABASE_URL"),
        ("shard2_replica", False, "SHARD2_DATABASE_REPLICA_URL"),
    ],
)
def test_variables_of_the_aliases(alias: str, writable: bool, variable: str) -> None:
    assert database_variable(Alias(alias, "shop", 1, writable)) == variable
