from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from massive_deploy.environment import database_variable, env_file, secret_of, variables
from massive_deploy.inventory import open_inventory
from massive_deploy.secrets import problem_with
from massive_deploy.topology.layout import Alias
from massive_deploy.view import HostView

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


def test_secret_variables_have_the_inventorys_values(tmp_path: Path) -> None:
    (tmp_path / "topology.yaml").write_text(
        "name: trial\nstack: small\ntarget: docker\ndocker: {memory: 4GiB}\n"
        "app: {source: ., settings: a.b, environment: {PLAIN: a}, secret_environment: [SECRET_KEY, MAIL_KEY]}\n"
    )
    layout = open_inventory(tmp_path).layout
    view = HostView("app", layout.hosts[0], layout, "value of {}".format, str)
    told = variables(view)
    assert (told["PLAIN"], told["MAIL_KEY"]) == ("a", "value of app/env/mail_key")
    assert told["SECRET_KEY"] == "value of app/env/secret_key"  # the project keeps its own
    assert problem_with(secret_of("MAIL_KEY"), "x") == ""  # `secrets edit` takes the name
