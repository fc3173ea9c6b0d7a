"""What roles do around a change of leader: their scripts, run here against stand-ins for the hosts' programs."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from massive_deploy import roles
from massive_deploy.desired import Handover
from massive_deploy.engine.step import Output
from massive_deploy.operate.handover import Crew, handovers, scripts
from massive_deploy.topology.layout import Layout
from tests.unit.roles.database_stack import view

LAYOUT: Layout = view("haproxy", "app-1", shards=2, replicas=2).layout

STAND_IN = """#!/bin/sh
printf '%s %s\\n' "$(basename "$0")" "$*" >>"$LOG"
case "$*" in *"-f -") sed 's/^/told /' >>"$LOG" ;; esac
case "$*" in *"$FAIL"*) [ -z "$FAIL" ] || exit 1 ;; esac
"""


def offers(number: int = 1) -> tuple[Handover, ...]:
    cluster = LAYOUT.clusters[number - 1]
    return handovers(LAYOUT, {name: roles.load(name) for name in LAYOUT.roles}, cluster)


def run(folder: Path, kind: str, fail: str = "") -> tuple[int, list[str], str]:
    """Exit status of app-1's script, the commands it gave, and what it said."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("runuser", "systemctl", "systemd-run"):
        (programs / name).write_text(STAND_IN, encoding="utf-8")
        (programs / name).chmod(0o755)
    log = folder / "log"
    log.touch()
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "LOG": str(log), "FAIL": fail}
    script = scripts(offers(), ["app-1"], kind, leader="db-2")["app-1"]
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, env=environment, check=False)
    return done.returncode, log.read_text(encoding="utf-8").splitlines(), done.stderr


def position(commands: list[str], word: str) -> int:
    found = [number for number, line in enumerate(commands) if word in line]
    assert found, f"no {word} in {commands}"
    return found[0]


def test_the_timer_that_lets_clients_go_is_set_before_they_are_held(tmp_path: Path) -> None:
    code, commands, _ = run(tmp_path, "pause")
    assert code == 0
    assert position(commands, "--on-active=30") < position(commands, "PAUSE")
    timer = commands[position(commands, "systemd-run")]
    assert "--expand-environment=no" in timer
    assert "--unit=massive-resume-1 " in timer


def test_writes_are_paused_and_reads_are_not(tmp_path: Path) -> None:
    _, commands, _ = run(tmp_path, "pause")
    paused = commands[position(commands, "-c PAUSE")]
    assert 'PAUSE "trial" ' in f"{paused} "
    assert 'PAUSE "trial_shard1"' in paused
    assert "_ro" not in paused
    assert "shard2" not in "".join(commands), "another cluster's clients are left alone"


def test_reading_connections_are_renewed_before_anybody_is_held(tmp_path: Path) -> None:
    _, commands, _ = run(tmp_path, "prepare")
    assert [line.rpartition("-c ")[2] for line in commands] == [
        'RECONNECT "trial_shard1_ro"',
        'WAIT_CLOSE "trial_shard1_ro"',
    ]
    assert all('"trial_ro"' in line for line in commands)


def test_a_pause_that_does_not_come_through_lets_everybody_go_and_says_so(tmp_path: Path) -> None:
    code, commands, said = run(tmp_path, "pause", fail="-c PAUSE")
    assert code == 1
    assert "a transaction goes on" in said
    last = commands[position(commands, "-c PAUSE") + 1 :]
    assert any('RESUME "trial"' in line for line in last)
    assert any('RESUME "trial_shard1"' in line for line in last)
    assert last[-1] == "systemctl stop massive-resume-1.timer"


def test_without_a_timer_nobody_is_held(tmp_path: Path) -> None:
    code, commands, _ = run(tmp_path, "pause", fail="--on-active")
    assert code == 1
    assert not any("-c PAUSE" in line for line in commands)


def test_resuming_what_is_not_paused_is_no_failure(tmp_path: Path) -> None:
    code, commands, _ = run(tmp_path, "resume", fail="-f -")
    assert code == 0
    assert [line for line in commands if "RESUME" in line] == ['told RESUME "trial";', 'told RESUME "trial_shard1";']
    # With it the console would stop at a database that is not paused.
    assert "ON_ERROR_STOP" not in commands[position(commands, "-f -")]


def test_haproxy_is_told_who_leads_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = str(tmp_path / "admin.sock")
    monkeypatch.setattr(import_module("massive_deploy.roles.haproxy.handover"), "ADMIN", place)
    heard = []
    with socket.socket(socket.AF_UNIX) as admin:
        admin.bind(place)
        admin.listen()

        def listen() -> None:
            peer, _ = admin.accept()
            with peer:
                heard.append(peer.recv(4096).decode())
                peer.sendall(b"\n")

        listener = threading.Thread(target=listen)
        listener.start()
        (offer,) = [one for one in offers() if "set server" in one.hurry]
        environment = {**os.environ, "NEW_LEADER": "db-2"}
        subprocess.run(["sh", "-c", offer.hurry], env=environment, check=True, capture_output=True)
        listener.join(10)
    assert heard[0].rstrip("\n").split("; ") == [
        "set server leader-1/db-1 health down",
        "set server leader-1/db-2 health up",
        "set server streaming-1/db-2 health stopping",
        "set server leader-1/db-3 health down",
    ]


def test_the_balancer_is_told_before_the_pooler_connects_anew() -> None:
    text = scripts(offers(), ["app-2"], "hurry", "resume", leader="db-2")["app-2"]
    assert text.index("set server") < text.index("RESUME") < text.index("RECONNECT"), "writes first"
    assert text.startswith("NEW_LEADER=db-2\n")


def test_only_hosts_at_hand_get_a_script() -> None:
    assert set(scripts(offers(), ["app-1", "db-1"], "pause")) == {"app-1"}
    assert scripts((Handover(("app-1",)),), ["app-1"], "pause") == {}


def test_a_pause_waits_for_connections_that_are_being_made(tmp_path: Path) -> None:
    """pgbouncer would break them off, and fail whoever comes right after the pause."""
    pools = tmp_path / "pools"
    pools.write_text("database|sv_login\ntrial|1\nother|1\n", encoding="utf-8")
    stand_in = f"""#!/bin/sh
case "$*" in *'SHOW POOLS'*) cat {pools}; printf 'database|sv_login\\ntrial|0\\nother|1\\n' >{pools} ;; esac
echo "$*" >>{tmp_path}/said
"""
    (tmp_path / "runuser").write_text(stand_in, encoding="utf-8")
    (tmp_path / "runuser").chmod(0o755)
    settle = import_module("massive_deploy.roles.pgbouncer.handover")._settle
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", settle(["trial"])], env=environment, check=True)
    assert (tmp_path / "said").read_text(encoding="utf-8").count("SHOW POOLS") == 2


class Told:
    """A fleet whose hosts print this."""

    def __init__(self, **stdout: str) -> None:
        self.stdout = stdout

    def run_all(self, commands: dict[str, str], *_: object, **__: object) -> dict[str, Output]:
        return {host: Output(True, self.stdout[host], "") for host in commands}


def test_how_long_clients_waited_is_told_by_their_own_hosts_clock() -> None:
    offer = Handover(hosts=("app-1", "app-2"), pause="hold", hurry="tell", resume="let")
    fleet: Any = Told(**{"app-1": "held 10.25\nfree 10.5\n", "app-2": "held 99.0\nfree 99.125\n"})
    crew = Crew(fleet, frozenset(offer.hosts), (offer,))
    assert crew.waited is None
    crew.pause()
    crew.hurry("")
    assert crew.waited == 0.25
