"""One script a host, parts that cannot disturb each other, and an exit code that tells."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from massive_deploy.audit.check import Check, Finding, Result, Skipped, Subject, Unclear, catalogue
from massive_deploy.audit.report import Audit, table, to_json
from massive_deploy.audit.run import judge, script

from .subjects import subject


def made(script: str, wanted: str) -> Check:
    """A check that wants its script to print this."""

    def judged(subject: Subject, seen: str) -> Iterator[Finding]:
        if seen == "skip":
            raise Skipped("nothing here")
        if seen == "unclear":
            raise Unclear("no answer")
        if seen != wanted:
            yield Finding(f"it is {seen!r}", subject.on_host("mend it"))

    one = SimpleNamespace(__name__="one", __doc__="It is as it should be.\n\nMore.", LOOKS_AT="it", WHY="it matters")
    one.script, one.judge = lambda _subject: script, judged
    return cast("Check", one)


@pytest.fixture
def host(tmp_path: Path) -> Subject:
    return subject(tmp_path)


def run(checks: dict[str, Check], host: Subject) -> list[Result]:
    output = subprocess.run(["sh", "-s"], input=script(checks, host), capture_output=True, text=True, check=True).stdout
    return judge(checks, host, output)


def test_parts_cannot_end_or_confuse_each_other(host: Subject) -> None:
    checks = {
        "a": made("echo one; exit 3", "one"),
        "b": made("printf two", "two"),
        "c": made("echo wrong >&2; false", "right"),
        "d": made("printf '\\naudit\\tb\\tZm9yZ2Vk\\naudit\\t\\t\\n'", "x"),
        "e": made("cat; echo five", "five"),
        "f": made("echo skip", ""),
        "g": made("echo unclear", ""),
        "h": made("", ""),
    }
    found = {result.check: result for result in run(checks, host)}
    assert {name: result.outcome for name, result in found.items()} == {
        "a": "passed",
        "b": "passed",
        "c": "failed",
        "d": "failed",
        "e": "passed",
        "f": "skipped",
        "g": "error",
        "h": "passed",
    }
    assert found["c"].findings == (Finding("it is 'wrong'", "massive-deploy exec prod --hosts app-1 -- mend it"),)


def test_an_answer_that_breaks_off_passes_nothing(host: Subject) -> None:
    checks = {"a": made("echo one", "one"), "b": made("echo two", "two")}
    for output in ("audit\ta\tb25l\n", "audit\ta\tb25l\naudit\tb\tdHd", "", "sh: not found"):
        assert [result.outcome for result in judge(checks, host, output)] == ["error", "error"]


def test_the_whole_script_of_all_checks_is_valid_shell(host: Subject) -> None:
    assert subprocess.run(["sh", "-n", "-s"], input=script(catalogue(), host), text=True, check=False).returncode == 0


PASS = Result("a", "app-1", "passed")
FAIL = Result("a", "app-2", "failed", (Finding("it is open", "massive-deploy exec prod --hosts app-2 -- close"),))
UNKNOWN = Result("a", "app-3", "error", why="no answer")


@pytest.mark.parametrize(
    ("results", "unreachable", "code"),
    [
        ([PASS, Result("a", "b", "skipped", why="-")], {}, 0),
        ([PASS, FAIL], {}, 1),
        ([PASS, UNKNOWN], {}, 1),
        ([PASS], {"db-1": "no route"}, 5),
        ([PASS, FAIL], {"db-1": "no route"}, 5),
        ([], {}, 1),
    ],
)
def test_the_exit_code(results: list[Result], unreachable: dict[str, str], code: int) -> None:
    assert Audit({"a": made("", "")}, results, unreachable).code == code


def test_the_table_says_what_where_why_and_what_to_type() -> None:
    same = Result("a", "app-4", "failed", (Finding("it is open", "massive-deploy exec prod --hosts app-4 -- close"),))
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table(Audit({"a": made("", "")}, [PASS, FAIL, UNKNOWN, same], {"db-1": "no route"})))
    text = console.export_text()
    for words in (
        "app-2, app-4: it is open",
        "next: massive-deploy exec prod --hosts app-2,app-4 -- close",
        "why: it matters",
        "looked at: it",
        "app-3: it could not be told: no answer",
        "db-1: not asked: no route",
        "1 of 4 checks passed on 4 hosts, 2 failed, 1 could not tell, 1 host not asked",
    ):
        assert words in text


def test_json_holds_everything() -> None:
    data = json.loads(json.dumps(to_json(Audit({"a": made("", "")}, [PASS, FAIL], {}))))
    assert data["good"] is False
    assert data["checks"]["a"] == {"title": "It is as it should be.", "looks_at": "it", "why": "it matters"}
    assert data["results"][1]["findings"] == [
        {"what": "it is open", "next": "massive-deploy exec prod --hosts app-2 -- close"}
    ]
