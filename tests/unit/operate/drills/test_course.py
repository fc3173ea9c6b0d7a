"""The course of a drill on hosts that only note what they are told: whatever happens, the fault is undone."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import pytest

from massive_deploy.engine.step import Output
from massive_deploy.errors import HostsFailed, Refused
from massive_deploy.inventory import Inventory
from massive_deploy.operate.drills import probes, run, well
from massive_deploy.operate.drills.scripts import FOLDER, MEND, undone
from massive_deploy.operate.journal import JOURNAL, Record
from massive_deploy.operate.observe import Session
from massive_deploy.targets import Ssh

from .recorded import app_log, key, node_logs
from .test_refusals import inventory, journal

HEALED = undone(MEND)


class Fleet:
    """Notes (host, kind of script) in order; kinds in `fails` do not succeed that many times."""

    def __init__(self, **fails: int) -> None:
        self.fails, self.done = fails, cast("list[tuple[str, str]]", [])
        self.scripts: list[tuple[str, str]] = []
        self.journals: dict[str, list[Record | None]] = {}

    def run_all(
        self, scripts: Mapping[str, str], stdin: Mapping[str, str] | None = None, **_options: Any
    ) -> Mapping[str, Output]:
        if any(JOURNAL in script for script in scripts.values()):
            for host, text in (stdin or {}).items():
                self.journals.setdefault(host, []).append(Record.parse(text))
            return {host: Output(True, "", "") for host in scripts}
        return {host: self.run(host, script) for host, script in scripts.items()}

    def run(self, host: str, script: str, **_options: Any) -> Output:
        kind, answer = self._what(host, script)
        self.done.append((host, kind))
        self.scripts.append((host, script))
        if self.fails.get(kind, 0) > 0:
            self.fails[kind] -= 1
            return Output(False, "", f"{kind} failed")
        return Output(True, answer, "")

    @staticmethod
    def _what(host: str, script: str) -> tuple[str, str]:
        answers = {
            HEALED: ("heal", ""),
            probes.FETCH: ("fetch", app_log() if host == "app-1" else node_logs().get(host, "")),
            probes.AWAY: ("away", ""),
            "date +%s.%N": ("clock", f"{time.time():.6f}"),
        }
        if script in answers:
            return answers[script]
        if "SELECT id" in script:
            return "count", "\n".join(key(number) for number in range(1, 51) if number != 21)
        words = {"nft -f": "inject", "CREATE TABLE": "tables", "systemd-run": "probe", "curl": "ask", "DROP": "drop"}
        kind = next(kind for word, kind in words.items() if word in script)
        return kind, "1000.0" if kind == "inject" else ""

    def told(self, host: str) -> list[tuple[str, str, str, int]]:
        found = self.journals.get(host, [])
        return [(one.command, one.outcome, one.error, one.operations) for one in found if one is not None]

    def kinds(self, host: str) -> list[str]:
        return [kind for where, kind in self.done if where == host and kind != "clock"]


@pytest.fixture
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(run, "locked", lambda *_, **__: nullcontext())
    monkeypatch.setattr(probes, "visitors", lambda *_, **__: nullcontext([]))
    monkeypatch.setattr(well, "look", lambda *_: ("db-1", ""))
    monkeypatch.setattr(run.Patroni, "leader", lambda *_: "db-1")
    return inventory(tmp_path, "allowed")


def on(
    monkeypatch: pytest.MonkeyPatch, found: Inventory, fleet: Fleet, after: Fleet | None = None, away: str = ""
) -> None:
    """Hosts whose connections go to `fleet`, and once the fault is undone to `after`, without the host `away`."""
    reach = {host.name: Ssh(host.address) for host in found.layout.hosts}

    def session(used: Fleet, away: str) -> Any:
        @contextmanager
        def opened(*_args: Any, **_options: Any) -> Iterator[Session]:
            yield Session(cast("Any", used), {name: ssh for name, ssh in reach.items() if name != away}, frozenset())

        return opened

    monkeypatch.setattr(run, "session", session(fleet, ""))
    monkeypatch.setattr(well, "session", session(after or fleet, away))


def drill(found: Inventory, fault: str = "partition") -> run.Drilled:
    return run.drill(found, run.Wish(fault, hold=0), journal(found.folder), lambda _: None)


def test_the_whole_course(staging: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet()
    on(monkeypatch, staging, fleet)
    done = drill(staging)
    assert fleet.kinds("db-1") == ["tables", "probe", "inject", "heal", "fetch", "count", "away", "drop"]
    assert fleet.kinds("db-2") == fleet.kinds("app-1") == ["probe", "fetch", "away"]
    assert (done.result.acknowledged, done.result.lost, done.result.leader_before) == (49, 0, "db-1")
    assert done.result.recovery is not None


def test_a_drill_is_in_the_journal_by_the_connections_that_are_left(
    staging: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = Fleet(), Fleet()
    on(monkeypatch, staging, before, after)
    drill(staging)
    assert before.journals == {}
    assert after.told("db-1") == after.told("app-1") == [("drill", "done", "", 1)]


def test_an_app_host_that_stays_away_is_told_with_what_to_type(
    staging: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet()
    on(monkeypatch, staging, fleet, away="app-1")
    with pytest.raises(HostsFailed) as error:
        drill(staging)
    (failure,) = error.value.failures
    assert failure.host == "app-1"
    assert f"massive-deploy up {staging.folder}" in failure.next
    assert fleet.kinds("db-1")[-2:] == ["away", "drop"]
    assert fleet.told("db-1") == [("drill", "failed", "failed on app-1", 1)]


def test_a_fault_that_could_not_be_injected_is_undone_all_the_same(
    staging: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(inject=1)
    on(monkeypatch, staging, fleet)
    with pytest.raises(HostsFailed):
        drill(staging)
    assert fleet.kinds("db-1")[2:] == ["inject", "heal", "away", "drop"]


def test_interrupted_while_the_fault_lasts(staging: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet()
    on(monkeypatch, staging, fleet)

    def interrupt(_seconds: float) -> None:
        if "inject" in fleet.kinds("db-1"):
            monkeypatch.setattr(time, "sleep", lambda _seconds: None)
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        drill(staging)
    assert fleet.told("db-2") == [("drill", "interrupted", "", 1)]
    assert fleet.kinds("db-1")[2:] == ["inject", "heal", "away", "drop"]


def test_healing_is_tried_again(staging: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(heal=2)
    on(monkeypatch, staging, fleet)
    drill(staging)
    assert fleet.kinds("db-1").count("heal") == 3


def test_a_host_that_cannot_be_healed_keeps_what_its_timer_will_run(
    staging: Inventory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fleet = Fleet(heal=99)
    on(monkeypatch, staging, fleet)
    with pytest.raises(HostsFailed) as error:
        drill(staging)
    assert "its timer undoes the fault" in error.value.failures[0].next
    assert fleet.kinds("db-1")[-2:] == ["away", "drop"]
    assert left_after_away(tmp_path, fleet, "heal.sh", "probe.py", "probe.log") == ["heal.sh"]


def test_nothing_is_left_where_the_fault_was_undone(
    staging: Inventory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fleet = Fleet()
    on(monkeypatch, staging, fleet)
    drill(staging)
    assert left_after_away(tmp_path, fleet, "probe.py", "probe.log") is None


def left_after_away(tmp_path: Path, fleet: Fleet, *names: str) -> list[str] | None:
    """Runs what db-1 was told at the end, here; names of the files that are left, None without the folder."""
    folder = tmp_path / "drill"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    last = [text for host, text in fleet.scripts if host == "db-1" and FOLDER in text][-1]
    script = last.replace(FOLDER, str(folder)).replace("systemctl", ":")
    subprocess.run(["sh", "-c", script], check=True)
    return [one.name for one in folder.iterdir()] if folder.exists() else None


def test_a_stack_that_is_not_well_is_not_touched(staging: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet()
    on(monkeypatch, staging, fleet)
    monkeypatch.setattr(well, "look", lambda *_: ("db-1", "db-2 does not stream"))
    with pytest.raises(Refused, match="db-2 does not stream"):
        drill(staging)
    assert fleet.done == []
    assert fleet.journals == {}
