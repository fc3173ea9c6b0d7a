"""Forty-five bad topologies through the real command line: exit code 6, a place and a fix, and nothing is contacted."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from massive_deploy.cli import main
from massive_deploy.errors import Exit

HERE = Path(__file__).parent
COMMANDS = ["validate", "plan", "up"]

# number: file, and what the number stands for
LIST = {
    1: ("bad/tab", "a tab indents"),
    2: ("bad/unclosed_quote", "a quote is not closed"),
    3: ("bad/duplicate_key", "a key stands there twice"),
    4: ("bad/latin1", "no UTF-8"),
    5: ("bad/empty", "an empty file"),
    6: ("bad/list", "a list at the top"),
    7: ("bad/alias_bomb", "aliases that explode"),
    8: ("bad/alias_cycle", "an anchor that holds itself"),
    9: ("bad/two_documents", "two documents"),
    10: ("bad/python_tag", "a Python object's tag"),
    11: ("bad/text_for_number", "replicas: two"),
    12: ("bad/negative", "replicas: -1"),
    13: ("bad/fraction", "replicas: 1.5"),
    14: ("bad/port_too_high", "port 70000"),
    15: ("bad/sexagesimal_port", "port 22:22"),
    16: ("bad/memory_in_words", "memory of 4 gigs"),
    17: ("bad/name_no", "`no` as a name"),
    18: ("bad/lag_zero", "a lag limit of 0"),
    19: ("bad/unknown_key", "an unknown key that is nearly right"),
    20: ("bad/version_of_postgres", "PostgreSQL 18"),
    21: ("bad/bad_address", "no IP address"),
    22: ("bad/address_twice", "two hosts with one address"),
    23: ("bad/host_twice", "one name twice"),
    24: ("bad/undeclared_host", "a host that is named and not declared"),
    26: ("bad/ipv4_and_ipv6", "IPv4 and IPv6"),
    27: ("bad/hostile_hosts", "shell words, spaces and newlines in host names"),
    28: ("bad/path_as_host", "../ in a host name"),
    29: ("bad/empty_user", "an empty SSH user"),
    30: ("bad/no_leader", "no primary"),
    31: ("bad/two_leaders", "two primaries"),
    32: ("bad/replica_beside_leader", "a replica on its primary's host"),
    33: ("bad/quorum_of_two", "two etcd members"),
    34: ("bad/strict_without_replica", "synchronous replication without a replica"),
    35: ("bad/two_poolers", "two poolers"),
    36: ("bad/port_taken", "two services on a port"),
    37: ("bad/no_app_server", "no app server"),
    38: ("bad/all_in_one_group", "varnish without a backend"),
    39: ("bad/redis_of_itself", "Redis as its own replica"),
    40: ("bad/shards_by_name", "two shards of one name"),
    41: ("bad/shard_ranges", "ranges of shards overlap"),
    42: ("bad/shard_is_keyword", "a shard named by a keyword, or too long"),
    43: ("bad_sums/pools", "pools larger than max_connections"),
    44: ("bad_sums/memory", "more memory than the host has"),
    45: ("bad/plain_secrets", "secrets in plain text"),
}
WARNED = {25: ("doubtful/unused_host", "a host that is declared and not used: right, with a warning")}

_CONTACT = {"socket.connect", "socket.sendto", "subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec"}
_contacts: list[str] = []
_watching: list[bool] = []


def _audit(event: str, _arguments: Any) -> None:
    if _watching and event in _CONTACT:
        _contacts.append(event)


sys.addaudithook(_audit)


@contextmanager
def no_contact() -> Iterator[None]:
    """No connection is opened and no program started inside, by this process as the interpreter itself sees it."""
    _contacts.clear()
    _watching.append(True)
    try:
        yield
    finally:
        _watching.pop()
    assert _contacts == []


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["massive-deploy", *words])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_the_list_is_whole() -> None:
    assert sorted(LIST | WARNED) == list(range(1, 46))


@pytest.mark.parametrize("number", LIST)
def test_refused_by_every_command(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file, why = LIST[number]
    shutil.copyfile(HERE / f"{file}.yaml", path := tmp_path / "topology.yaml")
    for command in COMMANDS:
        with no_contact():
            assert run(monkeypatch, command, str(tmp_path)) == Exit.INVALID, why
        out, err = capsys.readouterr()
        assert out == ""
        assert "Traceback" not in err
        assert "hunter2" not in err  # values of secrets are not repeated
        for line in err.splitlines():
            assert re.match(rf"{re.escape(str(path))}:[1-9][0-9]*:[1-9][0-9]*: .+ \(.+\)$", line), line
    assert [entry.name for entry in tmp_path.iterdir()] == ["topology.yaml"]


@pytest.mark.parametrize("number", WARNED)
def test_warned(number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with no_contact():
        assert run(monkeypatch, "validate", str(HERE / f"{WARNED[number][0]}.yaml")) == Exit.DONE
    assert re.search(r"warning: .*:3:1: hosts: 2 machines are given, 1 are used \(.+\)", capsys.readouterr().out)


def test_the_watch_sees_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(AssertionError), no_contact():
        socket.create_connection(server.getsockname()).close()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_process_of_its_own_opens_no_connection(command: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = (HERE / "bad/empty_user.yaml").read_text(encoding="utf-8")
        address = f"127.0.0.1, port: {server.getsockname()[1]}"
        (tmp_path / "topology.yaml").write_text(text.replace("192.0.2.1", address), encoding="utf-8")
        words = [sys.executable, "-m", "massive_deploy", command, str(tmp_path)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert done.returncode == Exit.INVALID
    assert "topology.yaml:3:" in done.stderr
    assert "Traceback" not in done.stderr
