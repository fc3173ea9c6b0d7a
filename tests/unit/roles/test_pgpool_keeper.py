"""The keeper beside pgPool: what it concludes, and what it does with nodes and a pooler that are stand-ins."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from massive_deploy.paths import shipped


@pytest.fixture(scope="module")
def keeper() -> Iterator[ModuleType]:
    path = shipped("roles") / "pgpool/templates/pgpool_keeper.py"
    spec = importlib.util.spec_from_file_location("pgpool_keeper", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pgpool_keeper"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["pgpool_keeper"]


@pytest.mark.parametrize(
    ("leader", "fit", "attached", "primary", "expected"),
    [
        (0, {1, 2}, {0, 1, 2}, 0, []),
        (0, {2}, {0, 1, 2}, 0, [("detach", 1)]),
        (0, {1, 2}, {0, 2}, 0, [("attach", 1)]),
        (0, {1}, {0, 2}, 0, [("attach", 1), ("detach", 2)]),
        (0, set(), {0, 1, 2}, 0, [("detach", 1), ("detach", 2)]),
        # Without a leader pgPool keeps what it has: the next leader may be among them.
        (None, set(), {1, 2}, None, []),
        (None, {1, 2}, {0}, 0, []),
        # A leader that pgPool let go comes first, and while it follows another, nothing is taken from it.
        (1, {0, 2}, {0, 2}, 0, [("attach", 1)]),
        (1, {2}, {0, 1, 2}, 0, []),
        (1, {2}, {0, 1, 2}, None, []),
        (1, {2}, {0, 1, 2}, 1, [("detach", 0)]),
    ],
)
def test_orders(
    keeper: ModuleType, leader: int | None, fit: set[int], attached: set[int], primary: int | None, expected: Any
) -> None:
    nodes = keeper.Nodes(leader, frozenset(fit))
    assert keeper.orders(nodes, keeper.Pool(frozenset(attached), primary), 3) == expected


SHOWN = """\
10.0.1.1 5432 3 0.333333 down down standby unknown 0 none none 2026-01-02 03:04:05
10.0.1.2 5432 2 0.333333 up up primary primary 0 none none 2026-01-02 03:04:05
10.0.1.3 5432 1 0.333333 waiting up standby standby 479 streaming async 2026-01-02 03:04:05
"""


def test_what_pgpool_says_of_its_nodes(keeper: ModuleType) -> None:
    assert keeper.pool_of(SHOWN) == keeper.Pool(frozenset({1, 2}), 1)
    assert keeper.pool_of(SHOWN.replace("primary", "standby")).primary is None
    for text in ("", "ERROR: connection to socket failed\n"):
        assert keeper.pool_of(text) is None


@pytest.mark.parametrize(
    ("status", "role", "leading"),
    [(200, "primary", True), (200, "replica", False), (503, "primary", False), (200, None, False)],
)
def test_a_node_that_is_still_being_promoted_does_not_lead(
    keeper: ModuleType, status: int, role: str | None, leading: bool
) -> None:
    assert keeper.leads(status, {"role": role}) is leading


def test_two_that_claim_to_lead_are_none(keeper: ModuleType) -> None:
    assert [keeper.leader_of(claims) for claims in ([False, True], [True, True], [False, False])] == [1, None, None]


def watch(keeper: ModuleType) -> Any:
    return keeper.Watch(wrong_seconds=3, hang_seconds=30, started=0)


def test_a_pooler_that_follows_the_wrong_node_is_started_anew_after_a_while(keeper: ModuleType) -> None:
    one, right = watch(keeper), keeper.Pool(frozenset({0, 1}), 0)
    one.see(100, 1, right)
    assert one.verdict(102.9) == ""
    assert "not followed the leader" in one.verdict(103)
    one.restarted(103)
    one.see(104, 1, right)
    assert one.verdict(112) == ""  # it is given time to begin
    assert one.verdict(113) != ""


def test_it_is_not_when_it_comes_to_itself_or_nobody_leads(keeper: ModuleType) -> None:
    for leader in (0, None):
        one, pool = watch(keeper), keeper.Pool(frozenset({0, 1}), 0)
        one.see(100, 1, pool)
        one.see(102, leader, pool)
        assert one.verdict(200) == ""


def test_one_that_lets_the_leader_go_is_wrong_too(keeper: ModuleType) -> None:
    one = watch(keeper)
    one.see(100, 0, keeper.Pool(frozenset({1}), 0))
    assert one.verdict(103) != ""


def test_one_that_does_not_say_stays_what_it_was(keeper: ModuleType) -> None:
    one = watch(keeper)
    one.see(100, 0, None)
    assert one.verdict(200) == ""
    one.see(201, 1, keeper.Pool(frozenset({0, 1}), 0))
    one.see(202, 1, None)
    assert one.verdict(204) != ""


def test_a_pooler_that_hangs_is_started_anew_unless_nobody_leads(keeper: ModuleType) -> None:
    one = watch(keeper)
    one.hear(100, 0, answered=False)
    one.hear(115, 0, answered=False)
    assert one.verdict(129) == ""
    assert "not answered" in one.verdict(130)
    one.hear(131, None, answered=False)
    assert one.verdict(200) == ""
    one.hear(201, 0, answered=False)
    one.hear(206, 0, answered=True)
    assert one.verdict(300) == ""


def test_no_answer_from_reads_is_not_fit_and_told_once(keeper: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pgpool-keeper")
    one = keeper.Fitness(["db-1"])
    assert [one.see(0, None) for _ in range(5)] == [False] * 5
    assert [record.getMessage() for record in caplog.records] == ["db-1 is not fit for reads: no answer"]


def test_one_lost_answer_changes_nothing(keeper: ModuleType) -> None:
    one = keeper.Fitness(["db-1"])
    assert [one.see(0, answer) for answer in ((200, {}), None, (200, {}), None, None)] == [
        True,
        True,
        True,
        True,
        False,
    ]


def test_reasons_that_change_are_not_told_every_second(keeper: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pgpool-keeper")
    one = keeper.Fitness(["db-1"])
    for age in (8, 9, 10):
        assert one.see(0, (503, {"role": "replica", "why": f"{age} s old"})) is False
    assert one.see(0, (503, {"role": "leader", "why": "leads"})) is False
    assert [record.getMessage() for record in caplog.records] == ["db-1 is not fit for reads: 8 s old"]


@pytest.mark.parametrize(("text", "pid"), [("1234\n\0", 1234), ("1234", 1234), ("", None), ("1\n", None), ("x", None)])
def test_the_pid_file_ends_with_a_zero_byte(keeper: ModuleType, tmp_path: Path, text: str, pid: int | None) -> None:
    path = tmp_path / "pgpool.pid"
    path.write_text(text)
    assert keeper.read_pid(path) == pid
    assert keeper.read_pid(tmp_path / "none") is None


def test_a_process_that_stays_is_killed(keeper: ModuleType) -> None:
    sent: list[int] = []
    keeper.end(7, 0.25, lambda _pid, number: sent.append(number))
    assert (sent[0], sent[-1]) == (signal.SIGINT, signal.SIGKILL)
    assert set(sent[1:-1]) == {0}


def test_a_process_that_goes_is_not_killed(keeper: ModuleType) -> None:
    sent: list[int] = []

    def kill(_pid: int, number: int) -> None:
        sent.append(number)
        if number == 0:
            raise ProcessLookupError

    keeper.end(7, 5, kill)
    assert sent == [signal.SIGINT, 0]


@contextmanager
def node(answers: dict[str, tuple[int, Any]], address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A node's HTTP services on one port: path → status and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer((address, port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_answers_that_are_none_are_none(keeper: ModuleType) -> None:
    with node({"/reads": (200, {"fit": True}), "/list": (200, [1])}) as port:
        assert keeper.ask("127.0.0.1", port, "/reads") == (200, {"fit": True})
        assert keeper.ask("127.0.0.1", port, "/list") is None
    assert keeper.ask("127.0.0.1", port, "/reads") is None


def test_rounds_take_a_replica_out_and_back_in(
    keeper: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With programs named as pgPool's that keep their nodes in files."""
    bin_folder, state = tmp_path / "bin", tmp_path / "state"
    bin_folder.mkdir()
    state.mkdir()
    (state / "0").write_text("10.0.1.1 5432 2 0.5 up up primary primary 0 none none x\n")
    (state / "1").write_text("10.0.1.2 5432 2 0.5 up up standby standby 0 streaming async x\n")
    programs = {
        "pcp_node_info": f'[ "$PCPPASSFILE" = /pass ] && cat {state}/0 {state}/1',
        "pcp_detach_node": f"for n; do :; done; sed -i 's/5432 [12]/5432 3/' {state}/$n",
        "pcp_attach_node": f"for n; do :; done; sed -i 's/5432 3/5432 1/' {state}/$n",
        "psql": "exit 0",
    }
    for name, script in programs.items():
        (bin_folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (bin_folder / name).chmod(0o755)
    monkeypatch.setattr(keeper, "PATH", f"{bin_folder}:{os.environ['PATH']}")
    answers: dict[str, tuple[int, Any]] = {"/primary": (200, {"role": "primary"}), "/reads": (503, {"role": "leader"})}
    other: dict[str, tuple[int, Any]] = {"/primary": (503, {"role": "replica"}), "/reads": (200, {"role": "replica"})}
    with node(answers) as port, node(other, "127.0.0.2", port):
        told = {
            "nodes": [{"name": "db-1", "address": "127.0.0.1"}, {"name": "db-2", "address": "127.0.0.2"}],
            "rest": port, "reads": port, "pid_file": "/nowhere", "pcp": [], "pcp_password": "/pass",
            "psql": [], "psql_password": "/pass", "wrong_seconds": 3, "hang_seconds": 30,
        }  # fmt: skip
        one = keeper.Keeper(told)
        seen = []
        for fit in (True, False, True):
            other["/reads"] = (200 if fit else 503, {"role": "replica", "why": ""})
            one.round()
            seen.append(sorted(one.pool.attached))
        one.threads.shutdown()
    assert seen == [[0, 1], [0], [0, 1]]


def test_a_leader_that_pgpool_lost_is_attached_and_a_deaf_one_is_ended(
    keeper: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "nodes": [{"name": "db-1", "address": "x"}, {"name": "db-2", "address": "x"}],
        "rest": 1, "reads": 1, "pid_file": str(tmp_path / "pid"), "pcp": [], "pcp_password": "",
        "psql": [], "psql_password": "", "wrong_seconds": 0, "hang_seconds": 30,
    }  # fmt: skip
    (tmp_path / "pid").write_text("4711\0")
    one = keeper.Keeper(told)
    given: list[tuple[str, int]] = []
    ended: list[int] = []
    monkeypatch.setattr(one, "nodes", lambda: keeper.Nodes(1, frozenset({0})))
    monkeypatch.setattr(one, "look", lambda: keeper.Pool(frozenset({0}), 0))
    monkeypatch.setattr(one, "order", lambda verb, node: given.append((verb, node)))
    monkeypatch.setattr(one, "answers", lambda: True)
    monkeypatch.setattr(keeper, "end", lambda pid, _seconds: ended.append(pid))
    one.round()
    one.round()
    assert given == [("attach", 1)]  # not again at once
    assert ended == []  # it has just begun
    one.watch.started -= keeper.GRACE
    one.round()
    assert ended == [4711]
    one.threads.shutdown()
