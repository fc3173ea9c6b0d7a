"""What faults do to which host, and that each is undone."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from massive_deploy.errors import MassiveDeployError, Refused
from massive_deploy.operate.drills.faults import FAULTS, fault
from massive_deploy.operate.drills.scene import Scene
from massive_deploy.operate.drills.scripts import FOLDER, cut, from_and_to, guarded, undone
from tests.unit.roles.database_stack import view

LASTS = {"leader-crash", "leader-power-off", "switchover"}
"""Nothing of these stays on a host that could be undone there."""


def scene(*, replicas: int = 2) -> Scene:
    layout = view("postgresql", "db-1", replicas=replicas).layout
    names = tuple(f"db-{n}" for n in range(1, replicas + 2))
    return Scene(layout, layout.clusters[0], "db-1", names[1:], "app-1", {"db-1": 2222})


@pytest.mark.parametrize("name", FAULTS)
def test_what_stays_is_undone_on_the_same_hosts(name: str) -> None:
    strokes = FAULTS[name].strokes(scene())
    assert set(strokes.heal) == (set() if name in LASTS else set(strokes.inject))
    assert strokes.hosts or strokes.switchover


@pytest.mark.parametrize("name", FAULTS)
def test_every_script_is_shell(name: str) -> None:
    strokes = FAULTS[name].strokes(scene())
    for host, script in strokes.inject.items():
        for text in (guarded(script, strokes.heal.get(host, ""), 60), undone(strokes.heal.get(host, ":"))):
            subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_a_partition_cuts_replicas_and_etcd_and_keeps_ssh_and_clients() -> None:
    script = FAULTS["partition"].strokes(scene()).inject["db-1"]
    assert "in ip saddr { 10.0.1.2, 10.0.1.3 } drop" in script
    assert "out ip daddr { 10.0.1.2, 10.0.1.3 } drop" in script
    assert script.index("tcp dport 2222 accept") < script.index("drop")
    assert "10.0.2." not in script


def test_a_cut_in_one_direction_drops_what_a_partition_drops_in_that_direction() -> None:
    names = ("partition", "leader-deaf", "leader-mute")
    whole, deaf, mute = (FAULTS[name].strokes(scene()).inject["db-1"].splitlines() for name in names)
    dropped = {line for line in whole if line.endswith("drop")}
    heard = {line for line in dropped if "saddr" in line}
    assert 0 < len(heard) < len(dropped)
    assert [line for line in whole if line not in dropped - heard] == deaf
    assert [line for line in whole if line not in heard] == mute


def test_etcd_is_cut_off_on_the_loopback_too() -> None:
    script = FAULTS["leader-without-etcd"].strokes(scene()).inject["db-1"]
    assert "out tcp dport 2379 drop" in script
    assert "2380" not in script


def test_replicas_are_cut_off_by_postgres_port_alone() -> None:
    script = FAULTS["leader-without-replicas"].strokes(scene()).inject["db-1"]
    assert script.count("tcp dport 5432 drop") == script.count("tcp sport 5432 drop") == 2
    assert FAULTS["replica-cut"].strokes(scene()).hosts == ("db-2",)


def test_all_members_of_etcd_are_started_without_waiting_for_each_other() -> None:
    strokes = FAULTS["etcd-loss"].strokes(scene())
    assert sorted(strokes.heal) == ["db-1", "db-2", "db-3"]
    assert set(strokes.heal.values()) == {"systemctl start --no-block etcd"}


@pytest.mark.parametrize(
    "name",
    [
        "partition",
        "leader-deaf",
        "leader-mute",
        "leader-without-replicas",
        "replica-slow",
        "replica-cut",
        "replica-loss",
        "switchover",
    ],
)
def test_without_a_replica_there_is_none_to_hit(name: str) -> None:
    with pytest.raises(Refused, match="no replica"):
        FAULTS[name].strokes(scene(replicas=0))


def test_the_dead_mans_timer_starts_before_the_fault() -> None:
    text = guarded("break it", "mend it", 135)
    assert text.index("--on-active=135") < text.index("date +%s.%N") < text.index("break it")
    assert f"cat >{FOLDER}/heal.sh <<'HEAL' || exit 1\nmend it\nHEAL" in text


STAND_IN = """#!/bin/sh
[ "$(basename "$0")" != "$FAIL" ] || exit 1
[ "$(basename "$0")" != install ] || mkdir -p "$2"
"""


@pytest.mark.parametrize("fail", ["", "install", "systemd-run"])
def test_a_fault_that_nothing_would_undo_is_not_injected(tmp_path: Path, fail: str) -> None:
    programs, broken = tmp_path / "bin", tmp_path / "broken"
    programs.mkdir()
    for name in ("install", "systemctl", "systemd-run"):
        (programs / name).write_text(STAND_IN, encoding="utf-8")
        (programs / name).chmod(0o755)
    script = guarded(f"touch {broken}", "mend it", 135).replace(FOLDER, str(tmp_path / "drill"))
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "FAIL": fail}
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout == "", broken.exists()) == ((1, True, False) if fail else (0, False, True))
    if not fail:
        assert (tmp_path / "drill/heal.sh").read_text(encoding="utf-8") == "mend it\n"


def test_what_undoes_nothing_needs_no_timer() -> None:
    assert "systemd-run" not in guarded("kill it", "", 60)


def test_the_timer_ends_only_when_the_fault_is_undone() -> None:
    script = undone("false").replace("systemctl", "echo")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_rules_for_one_port_match_it_on_either_side() -> None:
    assert from_and_to(["10.0.0.1"], "tcp 5432") == [
        "in ip saddr { 10.0.0.1 } tcp dport 5432 drop",
        "in ip saddr { 10.0.0.1 } tcp sport 5432 drop",
        "out ip daddr { 10.0.0.1 } tcp dport 5432 drop",
        "out ip daddr { 10.0.0.1 } tcp sport 5432 drop",
    ]
    assert cut(["in tcp dport 1 drop"], 22).splitlines()[-2].endswith("in tcp dport 1 drop")


@pytest.mark.parametrize(("pooler", "unit"), [("pgbouncer", "pgbouncer"), ("pgpool", "pgpool@1")])
def test_the_pooler_that_is_there_is_hit(pooler: Literal["pgbouncer", "pgpool"], unit: str) -> None:
    found = scene()
    topology = found.layout.topology.model_copy(update={"pooler": pooler})
    strokes = FAULTS["pooler-loss"].strokes(replace(found, layout=replace(found.layout, topology=topology)))
    assert strokes.heal == {"app-1": f"systemctl start {unit}"}
    assert strokes.inject["app-1"].endswith(unit)


def test_a_wrong_name_proposes_the_nearest() -> None:
    with pytest.raises(MassiveDeployError, match="no fault 'leader-crush'") as error:
        fault("leader-crush")
    assert "did you mean leader-crash?" in error.value.fix
