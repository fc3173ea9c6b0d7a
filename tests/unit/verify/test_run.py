"""The checks really run: against this machine, through testinfra's local backend."""

from __future__ import annotations

import threading

import pytest
import testinfra

from massive_deploy.errors import MassiveDeployError
from massive_deploy.verify import Result, run_checks
from massive_deploy.verify.run import choose

from .conftest import Add
from .views import views

CHECKS = '''
import pytest

from massive_deploy.view import HostView


def helper(host):
    return host.check_output("echo %s", "it's fine")


def check_the_shell_answers(host, view: HostView):
    """The shell answers.

    More words that no report shows.
    """
    assert helper(host) == "it's fine"


def check_on_two_only(host, view):
    """Fails on host one."""
    number = view.host.number
    assert number == 2, f"number is {number}"


def check_values_are_shown(host, view):
    assert len(view.host.name) == 4


def check_that_breaks(host, view):
    """Breaks."""
    {}["missing"]


def check_left_out(host, view):
    """Left out."""
    pytest.skip("not today")
'''


def local(name: str) -> testinfra.host.Host:  # noqa: ARG001
    """This machine, whatever the name."""
    return testinfra.get_host("local://")


def outcomes(results: list[Result]) -> dict[tuple[str, str], str]:
    """What each check came to, by host and check."""
    return {(row.host, row.check.removeprefix("check_")): row.outcome for row in results}


def test_passing_and_failing_checks_are_told_apart(add_role: Add) -> None:
    add_role("trial_many", CHECKS)
    seen: list[Result] = []
    results = run_checks(views("trial_many"), {}, connect=local, said=seen.append)
    assert seen == results
    both = {"the_shell_answers": "passed", "values_are_shown": "failed", "that_breaks": "error", "left_out": "skipped"}
    assert outcomes(results) == {
        **{(host, check): outcome for host in ("one", "two") for check, outcome in both.items()},
        ("one", "on_two_only"): "failed",
        ("two", "on_two_only"): "passed",
    }


def test_messages_titles_and_times(add_role: Add) -> None:
    add_role("trial_words", CHECKS)
    rows = {row.check: row for row in run_checks(views("trial_words"), {}, hosts=["one"], connect=local)}
    assert rows["check_the_shell_answers"].title == "The shell answers."
    assert 0 < rows["check_the_shell_answers"].seconds < 10
    assert rows["check_the_shell_answers"].message == ""
    assert rows["check_on_two_only"].message.startswith("number is 1")
    assert "3 == 4" in rows["check_values_are_shown"].message.replace("assert ", "")
    assert rows["check_values_are_shown"].title == "values are shown"
    assert rows["check_that_breaks"].message.startswith("KeyError: 'missing' (checks.py:")
    assert rows["check_left_out"].message == "not today"


def test_hosts_are_looked_at_side_by_side(add_role: Add) -> None:
    add_role("trial_meet", "def check_meets(host, view):\n    host.wait()\n")

    def connect(name: str) -> threading.Barrier:  # noqa: ARG001
        return meeting

    meeting = threading.Barrier(2, timeout=10)
    results = run_checks(views("trial_meet"), {}, connect=connect)
    assert [row.outcome for row in results] == ["passed", "passed"]


def test_a_lost_connection_is_not_tried_again(add_role: Add) -> None:
    add_role("trial_lost", "def check_a(host, view): pass\n\ndef check_b(host, view): pass\n")
    tries: list[str] = []

    def connect(name: str) -> None:
        tries.append(name)
        raise RuntimeError("ssh: connect to host 192.0.2.1 port 22: No route to host")

    results = run_checks(views("trial_lost"), {}, hosts=["one"], connect=connect)
    assert tries == ["one"]
    assert [row.outcome for row in results] == ["error", "error"]
    assert results[1].message.startswith("no connection: ssh:")


def test_trouble_of_this_machine_is_tried_once_more(add_role: Add) -> None:
    add_role("trial_trouble", "def check_a(host, view): host()\n\ndef check_b(host, view): host()\n")
    left = [OSError("no memory"), None, OSError("no memory"), OSError("no memory")]

    def host() -> None:
        if (trouble := left.pop(0)) is not None:
            raise trouble

    results = run_checks(views("trial_trouble"), {}, hosts=["one"], connect=lambda _: host)
    assert [row.outcome for row in results] == ["passed", "error"]


def test_the_users_pytest_takes_no_part(add_role: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    add_role("trial_alone", "def check_a(host, view): pass\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    assert [row.outcome for row in run_checks(views("trial_alone"), {}, connect=local)] == ["passed", "passed"]


def test_checks_that_cannot_be_loaded_are_an_error(add_role: Add) -> None:
    add_role("trial_typo", "import no_such_module_anywhere\n")
    with pytest.raises(MassiveDeployError, match="no_such_module_anywhere"):
        run_checks(views("trial_typo"), {}, connect=local)


def test_filters_choose_and_refuse_unknown_names() -> None:
    everything = views("web", "cache")
    assert list(choose(everything, ["web"], None)) == [("web", "one"), ("web", "two")]
    assert list(choose(everything, None, ["two"])) == [("web", "two"), ("cache", "two")]
    with pytest.raises(MassiveDeployError, match="no role 'wbe'"):
        choose(everything, ["wbe"], None)
    with pytest.raises(MassiveDeployError, match="no host 'three'"):
        choose(everything, None, ["one", "three"])
