"""The lock's commands, run here with sh and flock on files of the test."""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from massive_deploy.engine import lock as locks
from massive_deploy.engine import lock_script
from massive_deploy.engine.lock import Manual, holder, line, locked
from massive_deploy.errors import HostsFailed, Locked

ODD = 'it\'s "odd" $(touch oops) `x` \\n \\ % %s * ; | & > < # ünï'


class Channel:
    """The controller's end of a held command."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def close(self) -> None:
        """As when the SSH connection ends: the command's input ends."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(timeout=10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    @property
    def channel(self) -> Channel:
        return self


class Here:
    """Runs commands on this machine, as Fleet does on its hosts; each host has its own lock files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tries = 0

    def files(self, host: str) -> tuple[str, str]:
        (self.folder / host).mkdir(exist_ok=True)
        return str(self.folder / host / "lock"), str(self.folder / host / "state/manual-lock")

    def hold(self, host: str, command: str) -> tuple[str, Any]:
        self.tries += 1
        words = shlex.split(command)
        words[4:6] = self.files(host)
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = process.stdout.readline().rstrip("\n") if process.stdout is not None else ""
        return first, (Channel(process), None)

    def run(self, command: str, stdin: str = "") -> str:
        done = subprocess.run(shlex.split(command), input=stdin, capture_output=True, text=True, check=True)
        return done.stdout

    @contextmanager
    def locked(self, hosts: list[str], reason: str, **more: Any) -> Iterator[None]:
        with locked(cast("Any", self), hosts, reason, **more):
            yield


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setattr(locks, "POLL", 0.05)
    return Here(tmp_path)


def test_the_second_is_told_who_holds_it(here: Here) -> None:
    with here.locked(["b", "a"], ODD):
        with pytest.raises(Locked) as refused, here.locked(["a"], "other"):
            pytest.fail("two runs held the lock")
        assert f"on a: {holder(ODD)[:20]}" in refused.value.what
        assert refused.value.what.endswith(ODD)
        status = here.run(lock_script.status(*here.files("a")))
        assert status.startswith("busy ")
        assert status.endswith(f": {ODD}\n")
    assert here.run(lock_script.status(*here.files("a"))) == ""
    assert sorted(path.name for path in (here.folder / "a").iterdir()) == ["lock"]
    with here.locked(["a", "b"], "later"):
        pass


def test_one_host_taken_frees_the_others(here: Here) -> None:
    with here.locked(["b"], "one"):
        with pytest.raises(Locked), here.locked(["a", "b"], "two"):
            pytest.fail("two runs held the lock")
        with here.locked(["a"], "three"):
            pass


def test_a_killed_run_leaves_no_lock_and_no_false_name(here: Here) -> None:
    lock, manual = here.files("a")
    first, (channel, _) = here.hold("a", lock_script.hold("the killed one", lock, manual))
    assert first == "held"
    channel.process.kill()
    channel.close()
    assert "the killed one" in Path(f"{lock}.holder").read_text()
    assert here.run(lock_script.status(lock, manual)) == ""
    held = ["flock", lock, "sh", "-c", "echo yes; cat"]
    with subprocess.Popen(held, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as silent:
        assert silent.stdout is not None
        silent.stdout.readline()
        with pytest.raises(Locked, match="has not said who it is"), here.locked(["a"], "x"):
            pytest.fail("two held it")
        silent.communicate()
    with here.locked(["a"], "x"):
        assert "the killed one" not in Path(f"{lock}.holder").read_text()


def test_waiting_says_for_whom_once_and_goes_on_when_it_is_free(here: Here) -> None:
    said: list[str] = []
    lock, manual = here.files("a")
    _, (channel, _) = here.hold("a", lock_script.hold("the slow one", lock, manual))

    def let_go() -> None:
        while here.tries <= 3:
            time.sleep(0.01)
        channel.close()

    slow = threading.Thread(target=let_go, daemon=True)
    slow.start()
    with here.locked(["a"], "patient", wait=60, say=said.append):
        assert said == ["waiting for the lock on a: the slow one"]
        assert here.tries > 3
    slow.join()


def test_hosts_after_the_one_waited_for_stay_free(here: Here) -> None:
    """Two runs that wait hold nothing the other needs: each has only hosts before the one it waits for."""
    _, (channel, _) = here.hold("b", lock_script.hold("the slow one", *here.files("b")))
    waits, done = threading.Event(), threading.Event()

    def patient() -> None:
        with here.locked(["c", "b", "a", "d"], "patient", wait=20, say=lambda _: waits.set()):
            done.set()

    thread = threading.Thread(target=patient)
    thread.start()
    assert waits.wait(10)
    with pytest.raises(Locked, match="patient"), here.locked(["a"], "x"):
        pytest.fail("two runs held the lock")
    with here.locked(["c", "d"], "quick", wait=5):
        assert not done.is_set()
    channel.close()
    thread.join(20)
    assert done.is_set()


def test_waiting_ends(here: Here) -> None:
    with (
        here.locked(["a"], "the long one"),
        pytest.raises(Locked, match="the long one"),
        here.locked(["a"], "x", wait=2.5),
    ):
        pytest.fail("two runs held the lock")
    assert here.tries > 2


def test_a_manual_lock_keeps_runs_away_at_once(here: Here) -> None:
    files = here.files("a")
    lock = Manual("ann@desk", "2030-01-02 03:04:05Z", ODD)
    assert here.run(lock_script.acquire(*files), lock.dump()) == "done\n"
    file = Path(files[1])
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in file.parent.iterdir()] == ["manual-lock"]
    with pytest.raises(Locked) as refused, here.locked(["a"], "x", wait=20, inventory="inventories/prod"):
        pytest.fail("it ran")
    assert here.tries == 1
    assert refused.value.what == f"a is locked by ann@desk since 2030-01-02 03:04:05Z: {ODD}"
    assert "massive-deploy lock release inventories/prod" in refused.value.fix

    second = here.run(lock_script.acquire(*files), Manual("bob@desk", "later", "mine").dump())
    assert Manual.parse(second.removeprefix("manual ")) == lock
    assert here.run(lock_script.status(*files)) == second
    assert here.run(lock_script.release(*files)) == second
    assert here.run(lock_script.release(*files)) == ""
    with here.locked(["a"], "x"):
        pass


def test_a_manual_lock_lets_the_run_that_goes_on_end(here: Here) -> None:
    files = here.files("a")
    with here.locked(["a"], "going on"):
        told = here.run(lock_script.acquire(*files), Manual("ann", "now", "stop").dump()).splitlines()
        assert told[0] == "done"
        assert told[1].endswith(": going on")
    with pytest.raises(Locked, match="locked by ann"), here.locked(["a"], "x"):
        pytest.fail("it ran")


def test_text_that_would_steer_a_terminal_is_made_plain() -> None:
    assert line("a\n\x1b[31mb\r\tc\0d") == "a [31mb c d"
    assert Manual.parse("written by hand\n") == Manual("someone", "an unknown time", "written by hand")
    assert Manual.parse("[1]") == Manual("someone", "an unknown time", "[1]")
    odd = Manual("x", "y", "a\nb\x1b")
    assert "\n" not in odd.dump().rstrip("\n")
    assert Manual.parse(odd.dump()) == odd
    assert str(odd) == "x since y: a b"


def test_a_lock_that_cannot_be_taken_is_an_error_with_its_place(here: Here) -> None:
    Path(here.files("a")[0]).mkdir()
    with pytest.raises(HostsFailed) as failed, here.locked(["a"], "x"):
        pytest.fail("it ran")
    (one,) = failed.value.failures
    assert one.host == "a"
    assert locks.LOCK in one.step


def test_a_holder_says_a_word_now_and_then_and_ends_with_its_input(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    held = lock_script.hold("me", str(lock), str(tmp_path / "manual")).replace("timeout 15 ", "timeout 0.1 ")
    with subprocess.Popen(shlex.split(held), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)] == ["held\n", "\n", "\n"]
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(5) == 0
    assert not Path(f"{lock}.holder").exists()
