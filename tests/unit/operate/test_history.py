"""Journals written on every host, read back and put together run by run."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from massive_deploy.engine.lock import who
from massive_deploy.engine.step import Step
from massive_deploy.errors import HostFailure, HostsFailed, Refused
from massive_deploy.operate.history import UNKNOWN, Past, merge, parse, read
from massive_deploy.operate.journal import Record, Run, revision

from .here import opened

STEP = Step("redis", "restart", "true")


def test_a_run_is_in_the_journal_of_every_host_once_however_it_ends(tmp_path: Path) -> None:
    live = opened(tmp_path, "a", "b", lost=("c",))
    seen: list[str] = []
    first = Run("up", tmp_path, Path("20300101-100000-up.log"), "the 'first' \"one\"")
    with first.journaled(live):
        for event in ("start", "done", "start", "done", "start", "failed"):
            first.counting(lambda _host, _step, event: seen.append(event))("a", STEP, event)
    assert len(seen) == 6
    second = Run("up", tmp_path, Path("20300101-110000-up.log"))
    with pytest.raises(HostsFailed), second.journaled(live):
        raise HostsFailed([HostFailure("b", "redis", "restart", "password=hidden")])
    with Run("up", tmp_path, Path("nothing.log")).journaled(live):
        pass
    with pytest.raises(Refused), Run("up", tmp_path, Path("refused.log")).journaled(live):
        raise Refused("no")

    journals, silent = read(live, 50)
    assert silent == {"c": "no route"}
    assert journals["a"] == journals["b"]
    past = merge(journals, [Path("20300101-100000-up.log"), Path("20200101-120000-up.log"), Path("other.log")])
    assert [(one.record.outcome, one.record.operations, one.hosts) for one in past] == [
        ("failed", 0, ("a", "b")),
        ("done", 2, ("a", "b")),
        (UNKNOWN, 0, ()),
    ]
    assert past[0].record.error == "failed on b"
    assert past[1].record.reason == "the 'first' \"one\""
    assert past[1].record.who == who()
    assert [one.log for one in past] == [None, Path("20300101-100000-up.log"), Path("20200101-120000-up.log")]
    assert "hidden" not in (tmp_path / "a/state/journal.jsonl").read_text()
    assert [record.run for record in read(live, 1)[0]["a"]] == ["20300101-110000-up"]


def test_journals_of_other_versions_and_broken_lines_are_borne() -> None:
    old = '{"at": "2030-01-01T00:00:00+00:00", "command": "up", "operations": 3, "seconds": 1.5}'
    newer = old.removesuffix("}") + ', "new": 1}'
    wrong = ["not json", "[1]", '{"at": "x"}', '{"at": "y", "command": "up", "operations": "many"}', ""]
    text = "\n".join([old, *wrong, newer])
    assert parse(text) == [Record("2030-01-01T00:00:00+00:00", "up", 3, 1.5)] * 2


def test_runs_of_two_controllers_in_one_second_stay_apart() -> None:
    mine = Record("2030-01-01T00:00:09+00:00", "up", 1, run="20300101-000000-up", who=who())
    theirs = replace(mine, who="bob@elsewhere", reason="\x1b[31mred")
    parsed = parse(f'{{"at": "{mine.at}", "command": "up", "reason": "\\u001b[31mred"}}')
    assert parsed[0].reason == "[31mred"
    log = Path("20300101-000000-up.log")
    past = merge({"a": [mine], "b": [mine, theirs]}, [log])
    assert past == [Past(mine, ("a", "b"), log), Past(theirs, ("b",))]


def test_the_revision_is_the_commit_and_whether_files_differ(tmp_path: Path) -> None:
    assert revision(tmp_path / "nowhere") == ""
    folder = tmp_path / "inventories"
    folder.mkdir()
    (folder / "topology.yaml").write_text("name: a\n")

    def git(*words: str) -> None:
        given = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *given, *words], check=True, capture_output=True)

    git("init")
    assert revision(folder) == ""
    git("add", ".")
    git("commit", "-m", "one")
    commit = revision(folder)
    assert commit.isalnum()
    (tmp_path / "beside").write_text("not of the inventory")
    assert revision(folder) == commit
    (folder / "topology.yaml").write_text("name: b\n")
    assert revision(folder) == f"{commit}+"
