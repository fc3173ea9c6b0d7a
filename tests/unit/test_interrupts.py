"""An interruption ends the main line of the program, and nothing that is at work beside it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, time
from massive_deploy.cli.interrupts import catch_interruptions
catch_interruptions()
{busy}
"""
ALONE = """
try:
    os.kill(os.getpid(), signal.{name})
    time.sleep(5)
except KeyboardInterrupt:
    print("main line")
"""
# The signal finds a greenlet at work, one that waits, or the hub.
BESIDE = """
from gevent import monkey
monkey.patch_all(ssl=False)
import gevent
def work():
    {work}
    print("work goes on")
worker = gevent.spawn(work)
try:
    worker.join()
    print("not interrupted")
except KeyboardInterrupt:
    print("main line")
worker.join()
"""
AT_WORK = "os.kill(os.getpid(), signal.{name}); sum(range(1000))"
IN_SLEEP = """import subprocess
    subprocess.Popen(["sh", "-c", "sleep 0.2; kill -{short} $1", "sh", str(os.getpid())])
    gevent.sleep(1)"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("busy", "said"),
    [
        (ALONE, "main line\n"),
        (BESIDE.replace("{work}", AT_WORK), "main line\nwork goes on\n"),
        (BESIDE.replace("{work}", IN_SLEEP), "main line\nwork goes on\n"),
    ],
    ids=["alone", "greenlet at work", "greenlets that wait"],
)
def test_the_main_line_is_interrupted(number: signal.Signals, busy: str, said: str) -> None:
    program = PROGRAM.format(busy=busy.format(name=number.name, short=number.name.removeprefix("SIG")))
    line = ["env", "--default-signal=INT", sys.executable, "-c", program]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=30)
    assert (done.stdout, done.stderr, done.returncode) == (said, "", 0)
