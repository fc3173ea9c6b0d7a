"""The conductor against small servers that answer as Patroni and etcd do."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from massive_deploy.operate import conductor
from massive_deploy.operate.election import command

Answer = Callable[[str, dict[str, Any], Any], tuple[int, Any]]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """The URL of a server whose answers are (status, value) of (path, body, headers)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say({})

        def do_POST(self) -> None:
            self._say(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _say(self, body: dict[str, Any]) -> None:
            status, value = answer(self.path, body, self.headers)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(value.encode() if isinstance(value, str) else json.dumps(value).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()


class Cluster:
    """Two members and etcd. `db-2` leads once the key is gone; or at once, when `key` is None from the start."""

    def __init__(self, refuse: str = "", key: str | None = "/x/failover") -> None:
        self.refuse, self.key = refuse, key
        self.told: list[tuple[str, Any, str]] = []
        self.ordered = False
        self.looked = 0
        self.done = threading.Event()

    def old(self, path: str, body: dict[str, Any], headers: Any) -> tuple[int, Any]:
        if path == "/switchover":
            self.told.append((path, body, headers["Authorization"]))
            if self.refuse:
                return 412, self.refuse
            self.ordered = True
            self.done.wait(10)
            return 200, "Successfully switched over"
        if not self.ordered:
            return 200, {"state": "running", "role": "primary"}
        self.looked += 1
        # The first look after the order is not answered: that is no stepping down.
        return (500, "oops") if self.looked == 1 else (503, {"state": "stopping", "role": "primary"})

    def new(self, path: str, *_: Any) -> tuple[int, Any]:  # noqa: ARG002
        leads = self.ordered and self.key is None
        return 200, {"state": "running", "role": "primary" if leads else "replica"}

    def etcd(self, path: str, body: dict[str, Any], headers: Any) -> tuple[int, Any]:
        self.told.append((path, body, headers["Authorization"]))
        if path == "/v3/auth/authenticate":
            return (200, {"token": "abc"}) if body["password"] == "pw" else (400, "authentication failed")
        if path == "/v3/kv/deleterange":
            if base64.b64decode(body["key"]).decode() == self.key:
                self.key = None
            return 200, {"header": {}}
        if path == "/v3/kv/txn":
            return 200, {"succeeded": True}
        value = base64.b64encode(b'{"optime": 42}').decode()
        return 200, {"kvs": [{"value": value}]} if body["key"] == base64.b64encode(b"/x/status").decode() else {}


@contextmanager
def order(cluster: Cluster, **changed: Any) -> Iterator[dict[str, Any]]:
    with server(cluster.old) as old, server(cluster.new) as new, server(cluster.etcd) as etcd:
        yield {
            "url": f"{old}/switchover",
            "user": "patroni",
            "password": "rest",
            "wish": {"leader": "db-1"},
            "leader": "db-1",
            "members": {"db-1": old, "db-2": new},
            "etcd": {
                "urls": ["http://127.0.0.1:9", etcd],
                "user": "patroni",
                "password": "pw",
                "folder": "/x/",
            },
            "seconds": 10,
        } | changed
        cluster.done.set()


def test_the_key_goes_once_the_leader_steps_down_and_not_before() -> None:
    cluster = Cluster()
    with order(cluster) as wish:
        result = conductor.conduct(wish)
    assert (result["leader"], result["deleted"]) == ("db-2", True)
    assert 0 <= result["stopped"] <= result["took"]
    paths = [path for path, _, _ in cluster.told]
    assert paths == ["/v3/auth/authenticate", "/switchover", "/v3/kv/deleterange"]
    assert cluster.looked == 2
    assert cluster.told[1][1:] == ({"leader": "db-1"}, f"Basic {base64.b64encode(b'patroni:rest').decode()}")
    assert cluster.told[2][2] == "abc"


CONTROL = """#!/bin/sh
echo 'pg_control version number:            1700'
echo 'Database cluster state:               {state}'
"""


@pytest.mark.parametrize(
    ("state", "runs", "released"),
    [("shut down", False, True), ("shut down", True, False), ("in production", False, False)],
)
def test_the_lock_is_released_once_the_server_has_shut_down_in_good_order(
    tmp_path: Path, state: str, runs: bool, released: bool
) -> None:
    control, data = tmp_path / "pg_controldata", tmp_path / "data"
    control.write_text(CONTROL.format(state=state), encoding="utf-8")
    control.chmod(0o755)
    data.mkdir()
    if runs:
        (data / "postmaster.pid").touch()
    cluster = Cluster()
    with order(cluster, server={"data": str(data), "controldata": str(control)}) as wish:
        result = conductor.conduct(wish)
    orders = [body for path, body, _ in cluster.told if path == "/v3/kv/txn"]
    assert (result["leader"], result["released"] is not None, bool(orders)) == ("db-2", released, released)
    key = base64.b64encode(b"/x/leader").decode()
    assert all(body["compare"][0]["value"] == base64.b64encode(b"db-1").decode() for body in orders)
    assert all(body["success"] == [{"requestDeleteRange": {"key": key}}] for body in orders)


def test_with_a_candidate_etcd_is_left_alone() -> None:
    cluster = Cluster(key=None)
    with order(cluster, etcd=None, wish={"leader": "db-1", "candidate": "db-2"}) as wish:
        result = conductor.conduct(wish)
    assert (result["leader"], result["deleted"]) == ("db-2", False)
    assert [path for path, _, _ in cluster.told] == ["/switchover"]


def test_a_refusal_ends_it_with_patronis_words_and_the_key_untouched() -> None:
    cluster = Cluster(refuse="no good candidates have been found")
    with order(cluster) as wish:
        result = conductor.conduct(wish)
    assert (result["leader"], result["stopped"], result["deleted"]) == ("", None, False)
    assert result["answer"] == "412 no good candidates have been found"
    assert cluster.key is not None


def test_it_runs_alone_and_reads_keys() -> None:
    cluster = Cluster()
    with order(cluster) as wish:
        given = json.dumps({"etcd": wish["etcd"], "keys": ["status", "sync"]})
        line = ["sh", "-c", command()]
        run = subprocess.run(line, input=given, capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(run.stdout) == {"status": {"optime": 42}}
