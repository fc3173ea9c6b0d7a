"""What the receiver has of each host, asked for by one script that really runs, against a journalctl of the test's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from massive_deploy.collected import patterns
from massive_deploy.operate import logs_collected
from massive_deploy.operate.logs import Query, merged, script
from massive_deploy.topology.layout import Host, Layout
from massive_deploy.topology.model import App, Topology

HOSTS = tuple(
    Host(name, "node", (), f"192.0.2.{number}", number)
    for number, name in ((1, "app-1"), (11, "db-1"), (3, "monitor-1"))
)
NAMES = tuple(host.name for host in HOSTS)
LAYOUT = Layout(
    "trial",
    Topology(name="trial", app=App(source=".", settings="shop.settings")),
    HOSTS,
    {"journal_remote": ("monitor-1",), "journal_upload": NAMES},
    {},
    {},
    {},
)
FIRST = "2026-01-31T11:59:58.250000+00:00 app-1 app[7]: first"
SECOND = "2026-01-31T11:59:59.250000+00:00 app-1 app[7]: second"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the receiver's files are for the test; journalctl prints what it was asked, and `refused`."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/journalctl").write_text('#!/bin/sh\necho "$*"\necho refused\n', encoding="ascii")
    (tmp_path / "bin/journalctl").chmod(0o755)
    monkeypatch.setattr("massive_deploy.collected.FOLDER", str(tmp_path))
    return tmp_path


def asked(folder: Path, units: dict[str, list[str]], query: Query) -> logs_collected.Found:
    words = logs_collected.request(LAYOUT, units, query, "0123456789abcdef")
    path = {"PATH": f"{folder}/bin:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", words], env=path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return logs_collected.answer(done.stdout, "0123456789abcdef")


def test_each_host_is_read_from_its_own_files_alone(folder: Path) -> None:
    for name in ("remote-127.0.2.1.journal", "remote-127.0.2.11.journal", "remote-127.0.2.1@aa-1-2.journal"):
        (folder / name).touch()
    found = asked(folder, {"app-1": ["app.service"], "db-1": ["patroni"]}, Query(count=7))
    own = f"--file={folder}/remote-127.0.2.1.journal --file={folder}/remote-127.0.2.1@aa-1-2.journal"
    assert found.texts["app-1"].splitlines()[0].endswith(f"--lines=7 --unit=app.service {own}")
    assert found.texts["db-1"].splitlines()[0].endswith(f"--unit=patroni --file={folder}/remote-127.0.2.11.journal")
    assert found.missing == {}


def test_the_receivers_own_journal_is_its_own(folder: Path) -> None:
    found = asked(folder, {"monitor-1": ["prometheus"]}, Query())
    assert "--unit=prometheus" in found.texts["monitor-1"]
    assert "--file" not in found.texts["monitor-1"]


def test_a_host_that_never_sent_anything_is_named(folder: Path) -> None:
    (folder / "remote-127.0.2.11.journal").touch()
    found = asked(folder, {"app-1": ["app.service"], "db-1": ["patroni"]}, Query())
    assert list(found.texts) == ["db-1"]
    assert found.missing == {"app-1": "has sent nothing"}


def test_patterns_are_words_and_nothing_found_is_no_failure(folder: Path) -> None:
    for host in HOSTS:
        Path(patterns(host)[0]).touch()
    found = asked(folder, {"app-1": ["app"], "db-1": ["patroni"]}, Query(grep="refu[s]ed|$(id)"))
    assert found.texts == {"app-1": "refused\n", "db-1": "refused\n"}
    assert asked(folder, {"app-1": ["app"]}, Query(grep="no such")).texts == {"app-1": ""}


def test_what_came_twice_is_told_once() -> None:
    trace = "    Traceback\n      deeper"
    sent = f"{FIRST}\n{trace}\n{SECOND}\n"
    assert logs_collected.without_doubles(sent + sent) == sent
    # The same words at another moment are no double.
    later = sent.replace("11:59:5", "12:00:5")
    assert logs_collected.without_doubles(sent + later) == sent + later
    assert logs_collected.without_doubles(f"{FIRST}\n{trace}\n{FIRST}\n") == f"{FIRST}\n{trace}\n{FIRST}\n"
    assert logs_collected.without_doubles("") == ""


def test_lines_say_whose_words_they_are() -> None:
    found = merged({"app-1": SECOND, "db-1": FIRST}, Query(), ["db-1"])
    assert [(one.host, one.collected) for one in found] == [("db-1", True), ("app-1", False)]


def test_what_nginx_writes_twice_is_read_once() -> None:
    assert "--exclude-identifier=nginx_error" in script(["nginx"], Query())
    assert "--exclude-identifier" not in script(["app.service"], Query())
