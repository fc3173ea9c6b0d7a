"""One stream out of many logs."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from massive_deploy.desired import Desired, Unit
from massive_deploy.errors import MassiveDeployError
from massive_deploy.operate.logs import Query, line, merged, script, since, units

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
JOURNAL = "2026-01-31T11:59:58.250000+0000 app-1 gunicorn[7]: started"
ACCESS = '{"time":"2026-01-31T12:00:00+00:00","client":"192.0.2.1"}'
ERROR = "2026/01/31 11:59:59 [error] 7#7: refused"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("5min", 300)])
def test_spans_are_before_now(text: str, seconds: int) -> None:
    assert (NOW - since(text, NOW)).total_seconds() == seconds


def test_dates_are_utc_unless_they_say_otherwise() -> None:
    assert since("2026-01-31T12:00", NOW) == NOW
    assert since("2026-01-31T13:00+01:00", NOW) == NOW
    with pytest.raises(MassiveDeployError, match="'yesterday' is no time"):
        since("yesterday", NOW)


def test_lines_of_all_kinds_are_put_in_order() -> None:
    found = merged({"app-1": f"{JOURNAL}\n  its traceback", "edge-1": f"{ACCESS}\n{ERROR}"}, Query())
    assert [one.text for one in found] == [JOURNAL, "  its traceback", ERROR, ACCESS]
    assert found[0].at == datetime(2026, 1, 31, 11, 59, 58, 250000, UTC)
    assert line("a", "words").at is None


def test_lines_before_the_time_asked_for_are_left_out() -> None:
    said = {"app-1": f"{JOURNAL}\n  its traceback\n{ACCESS}"}
    assert [one.text for one in merged(said, Query(datetime(2026, 1, 31, 11, 59, 59, tzinfo=UTC)))] == [ACCESS]


def test_units_are_the_roles_own_unless_named() -> None:
    roles = {
        "app": Desired(units=(Unit("app.service"), Unit("off", running=False))),
        "varnish": Desired(units=(Unit("varnish"),)),
    }
    assert units(roles, (), ()) == ["app.service", "varnish"]
    assert units(roles, ["app"], ()) == ["app.service"]
    assert units(roles, ["app"], ["ssh"]) == ["ssh"]


def test_a_pattern_is_a_word_whatever_is_in_it(tmp_path: Path) -> None:
    for name in ("journalctl", "tail"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*"; echo "it\'s"\n', encoding="ascii")
        (tmp_path / name).chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    def run(query: Query, *names: str) -> list[str]:
        done = subprocess.run(["sh", "-c", script(names, query)], env=path, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    assert run(Query(grep="it's"), "app.service") == ["it's"]
    assert run(Query(grep="$(id); nothing"), "nginx") == []
    said = run(Query(NOW, count=7), "app.service", "nginx")
    assert "--since=@1769860800" in said[0]
    assert "--unit=app.service --unit=nginx" in said[0]
    assert said[2].startswith("tail --quiet --lines=7 -- /var/log/nginx/")


def test_following_ends_with_its_input(tmp_path: Path) -> None:
    (tmp_path / "journalctl").write_text("#!/bin/sh\necho one\nexec sleep 100\n", encoding="ascii")
    (tmp_path / "journalctl").chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    words = ["sh", "-c", script(["app"], Query(follow=True))]
    running = subprocess.Popen(
        words, env=path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with running:
        assert running.stdout is not None
        assert running.stdin is not None
        assert running.stdout.readline() == "one\n"
        running.stdin.close()
        assert running.stdout.read() == ""
