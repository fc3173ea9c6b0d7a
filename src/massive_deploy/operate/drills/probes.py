"""The probes of a drill: put on hosts, started, fetched and taken away; visitors come from the controller."""

from __future__ import annotations

import http.client
import shlex
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from massive_deploy.environment import ENV_FILE, database_variable
from massive_deploy.errors import HostFailure, HostsFailed
from massive_deploy.operate.drills.logs import Visit
from massive_deploy.operate.drills.scripts import FOLDER

if TYPE_CHECKING:
    from massive_deploy.engine.step import Output
    from massive_deploy.engine.transport import Fleet
    from massive_deploy.operate.drills.scene import Scene

UNIT = "massive-drill-probe"
LOG = f"{FOLDER}/probe.log"
PYTHON = "/srv/app/current/venv/bin/python"
AT_ONCE = 2
PAUSE = 0.1
PATIENCE = 60


def tables(owner: str) -> str:
    """SQL that makes the drill's tables anew."""
    return (
        "DROP TABLE IF EXISTS massive_drill, massive_drill_node; "
        "CREATE TABLE massive_drill (n bigint PRIMARY KEY, id uuid NOT NULL); "
        f'ALTER TABLE massive_drill OWNER TO "{owner}"; '
        "CREATE TABLE massive_drill_node (at timestamptz NOT NULL DEFAULT now())"
    )


def start(scene: Scene, seconds: int, hosts: Iterable[str] | None = None, *, anew: bool = True) -> Mapping[str, str]:
    """Scripts that start the probes of the app host and every node (or of these hosts), for at most some seconds.

    The probe's text comes on standard input. `anew` forgets an earlier log; otherwise it is added to.
    """
    aliases = [alias for alias in scene.layout.aliases if alias.cluster == scene.cluster.number]
    # Of a sharded stack's first cluster two pairs of aliases lead to the same database: either does.
    write = next(alias for alias in aliases if alias.writable)
    read = next(alias for alias in aliases if not alias.writable)
    app = [PYTHON, f"{FOLDER}/probe.py", "app", ENV_FILE, database_variable(write), database_variable(read)]
    node = ["/usr/bin/python3", f"{FOLDER}/probe.py", "node", scene.layout.database]
    lines = {host.name: ("postgres", node) for host in scene.cluster.hosts} | {scene.app: ("app", app)}
    wanted = set(lines if hosts is None else hosts)
    return {host: _start(user, words, seconds, anew) for host, (user, words) in lines.items() if host in wanted}


def _start(user: str, words: Sequence[str], seconds: int, anew: bool) -> str:
    line = shlex.join([*words, LOG, str(seconds)])
    return (
        f"systemctl stop {UNIT} 2>/dev/null; systemctl reset-failed {UNIT} 2>/dev/null\n"
        f"install -d {FOLDER} && cat >{FOLDER}/probe.py && chmod 644 {FOLDER}/probe.py || exit 1\n"
        f"{f'rm -f {LOG}; ' if anew else ''}touch {LOG} && chown {user} {LOG} || exit 1\n"
        f"systemd-run --quiet --collect --unit={UNIT} --uid={user} --property=TimeoutStopSec=10 "
        f"--property=RuntimeMaxSec={seconds + 30} {line}"
    )


def text() -> str:
    """The probe's program."""
    return Path(__file__).with_name("probe.py").read_text(encoding="utf-8")


FETCH = f"systemctl stop {UNIT} 2>/dev/null; cat {LOG}"
# A fault that could not be undone leaves heal.sh there: its timer still needs it.
AWAY = f"systemctl stop {UNIT} 2>/dev/null; rm -f {FOLDER}/probe.py {LOG}; rmdir {FOLDER} 2>/dev/null || :"


def run(fleet: Fleet, scripts: Mapping[str, str], step: str, *, stdin: str = "") -> Mapping[str, Output]:
    """Run these scripts, all hosts at once.

    Raises:
        HostsFailed: one of them did not succeed.
    """
    outputs = fleet.run_all(scripts, dict.fromkeys(scripts, stdin), timeout=PATIENCE)
    if failures := [HostFailure(host, "drill", step, o.cause) for host, o in outputs.items() if not o.ok]:
        raise HostsFailed(failures)
    return outputs


def clocks(fleet: Fleet, hosts: Iterable[str]) -> tuple[dict[str, float], float]:
    """How far each host's clock is ahead of ours (s), and how wrong that may be at worst."""
    found, wrong = {}, 0.0
    for host in hosts:
        before = time.time()
        output = fleet.run(host, "date +%s.%N")
        after = time.time()
        found[host] = float(output.stdout) - (before + after) / 2 if output.ok else 0.0
        wrong = max(wrong, after - before)
    return found, wrong


@contextmanager
def visitors(address: str, host: str, paths: Mapping[str, str], *, secure: bool = False) -> Iterator[list[Visit]]:
    """Visitors that ask an edge for these paths (by what they are) again and again; yields what they met.

    `secure`: over HTTPS, whoever issued the certificate.
    """
    seen: list[Visit] = []
    over = threading.Event()
    context = _anyones() if secure else None

    def visit() -> None:
        while not over.is_set():
            for what, path in paths.items():
                begin = time.time()
                ok, why = _get(address, host, path, context)
                seen.append(Visit(begin, time.time(), ok, why, what))
                over.wait(PAUSE)

    threads = [threading.Thread(target=visit, daemon=True) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE)
        seen.sort(key=lambda one: one.begin)


def _anyones() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _get(address: str, host: str, path: str, context: ssl.SSLContext | None) -> tuple[bool, str]:
    if context is None:
        connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    else:
        connection = http.client.HTTPSConnection(address, timeout=PATIENCE, context=context)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return False, str(error) or type(error).__name__
    finally:
        connection.close()
    return answer.status < 400, "" if answer.status < 400 else f"status {answer.status}"
