"""The program that runs on the hosts: what it writes is what the controller reads."""

from __future__ import annotations

import ast
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from massive_deploy import roles
from massive_deploy.environment import env_file
from massive_deploy.operate.drills import logs, probe, probes
from tests.unit.roles.database_stack import view

from .test_faults import scene


class Connection:
    """A driver's connection that acknowledges, and fails at the third request."""

    def __init__(self, over: threading.Event, row: tuple[Any, ...] = ()) -> None:
        self.over, self.row, self.asked, self.closed = over, row, 0, False

    def execute(self, *_sql: Any) -> Connection:
        self.asked += 1
        if self.asked == 3:
            self.over.set()
            raise ConnectionError("server closed\tthe connection\nunexpectedly")
        return self

    def fetchone(self) -> tuple[Any, ...]:
        return self.row

    def cursor(self) -> Connection:
        return self

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def over(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    event = threading.Event()
    monkeypatch.setattr(probe, "over", event)
    return event


def written(tmp_path: Path, kind: str, connection: Connection) -> str:
    ask = {"write": probe.write, "read": probe.read, "node": probe.direct}[kind]
    log = probe.Log(str(tmp_path / "log"))
    probe.repeat(kind, log, lambda: connection, ask)
    log._file.close()
    return (tmp_path / "log").read_text(encoding="utf-8")


def test_writes(tmp_path: Path, over: threading.Event) -> None:
    connection = Connection(over)
    writes, reads = logs.app(written(tmp_path, "write", connection))
    assert [(one.ok, one.number) for one in writes] == [(True, 1), (True, 2), (False, 3)]
    assert len({one.id for one in writes}) == 3
    assert writes[2].why == "server closed the connection unexpectedly"
    assert reads == []
    assert connection.closed


def test_started_again_it_goes_on_behind_the_numbers_that_may_be_taken(tmp_path: Path, over: threading.Event) -> None:
    earlier = "clock\t1\t1\nwrite\t1\t2\tok\t41\ta\t\nread\t1\t2\tok\t99\tleader\t\nwrite\t2\t3\tfailed\t-\t-\tno\n"
    (tmp_path / "log").write_text(f"{earlier}write\t3\t4\tok\t4", encoding="utf-8")
    writes, _ = logs.app(written(tmp_path, "write", Connection(over)))
    # 42 was under way when the host went: whether it was committed nobody knows, and the line cut off is none.
    assert [one.number for one in writes] == [41, 0, 43, 44, 45]


def test_reads(tmp_path: Path, over: threading.Event) -> None:
    _, reads = logs.app(written(tmp_path, "read", Connection(over, (41, True))))
    assert [(one.ok, one.number, one.replica) for one in reads] == [
        (True, 41, True),
        (True, 41, True),
        (False, 0, False),
    ]


def test_direct_writes(tmp_path: Path, over: threading.Event) -> None:
    found = logs.node(written(tmp_path, "node", Connection(over, ("0000000A0000000000000003",))), "db-1")
    assert [(one.ok, one.timeline) for one in found] == [(True, 10), (True, 10), (False, 0)]
    assert all(one.begin <= one.end for one in found)


def test_a_node_that_only_follows_keeps_its_connection(tmp_path: Path, over: threading.Event) -> None:
    connection = Connection(over, ("000000010000000000000003",))
    written(tmp_path, "node", connection)
    assert not connection.closed


def test_a_host_that_does_not_even_accept_is_a_failed_write(tmp_path: Path, over: threading.Event) -> None:
    def refuse() -> Any:
        over.set()
        raise OSError("connection refused")

    log = probe.Log(str(tmp_path / "log"))
    probe.repeat("write", log, refuse, probe.write)
    log._file.close()
    ((one,), _) = logs.app((tmp_path / "log").read_text(encoding="utf-8"))
    assert (one.ok, one.id, one.why) == (False, "", "connection refused")


def test_the_projects_own_addresses_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "app.env"
    url = 'postgres://shop:pa"$\\w@%2Frun:6432/shop'
    file.write_text("# a comment\n" + env_file({"A": "b", "DATABASE_URL": url}), encoding="utf-8")
    assert probe.variable(str(file), "DATABASE_URL") == url
    with pytest.raises(SystemExit):
        probe.variable(str(file), "SHARD1_DATABASE_URL")


def test_a_node_is_asked_with_the_driver_its_role_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    found = view("postgresql", "db-1")
    assert "python3-psycopg2" in roles.load("postgresql").desired(found).packages
    monkeypatch.setitem(sys.modules, "psycopg2", SimpleNamespace(connect=SimpleNamespace))
    connection = probe.local("shop")()
    assert (connection.dbname, connection.user, connection.autocommit) == ("shop", "postgres", True)
    monkeypatch.setitem(sys.modules, "psycopg", sys.modules["psycopg2"])
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(ImportError):
        probe.local("shop")


def test_it_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(probes.text())
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    found |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {str(name).partition(".")[0] for name in found} <= sys.stdlib_module_names


def test_each_node_and_the_app_host_are_probed_as_their_own_users() -> None:
    scripts = probes.start(scene(), 100)
    assert sorted(scripts) == ["app-1", "db-1", "db-2", "db-3"]
    assert "--uid=app" in scripts["app-1"]
    assert "app /etc/massive-deploy/app.env DATABASE_URL DATABASE_REPLICA_URL" in scripts["app-1"]
    assert "--uid=postgres" in scripts["db-2"]
    assert list(probes.start(scene(), 100, ["db-2"], anew=False)) == ["db-2"]
    assert "rm -f" not in probes.start(scene(), 100, ["db-2"], anew=False)["db-2"]
