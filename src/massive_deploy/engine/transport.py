"""The door to pyinfra: connections, operations, file transfer. Nothing else in the project imports it.

One call of `perform` is one stage: every host goes through its own steps without waiting for the others, and the call
returns when all are done.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

os.environ["PYINFRA_PROGRESS"] = "off"
from gevent import monkey

monkey.patch_all(ssl=False)  # SSH needs no ssl, and it may be imported already

from gevent import get_hub  # noqa: E402
from gevent.pool import Pool  # noqa: E402
from pyinfra.api.command import FileDownloadCommand, FileUploadCommand, StringCommand  # noqa: E402
from pyinfra.api.config import Config  # noqa: E402
from pyinfra.api.connect import connect_all  # noqa: E402
from pyinfra.api.exceptions import PyinfraError  # noqa: E402
from pyinfra.api.host import Host  # noqa: E402
from pyinfra.api.inventory import Inventory  # noqa: E402
from pyinfra.api.operation import add_op, operation  # noqa: E402
from pyinfra.api.operations import run_ops  # noqa: E402
from pyinfra.api.state import BaseStateCallback, State, StateStage  # noqa: E402

from massive_deploy.engine.litter import UPLOADS, alone  # noqa: E402
from massive_deploy.engine.step import Output, Step  # noqa: E402
from massive_deploy.errors import HostFailure  # noqa: E402
from massive_deploy.targets import Ssh  # noqa: E402

logging.getLogger("pyinfra").addHandler(logging.NullHandler())
logging.getLogger("pyinfra").propagate = False
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False

# A failed step ends its host's greenlet with this; it is told from the operation's result, not on standard error.
get_hub().NOT_ERROR = (*get_hub().NOT_ERROR, PyinfraError)

CONNECT_TIMEOUT = 10
PARALLEL = 64

OnStep = Callable[[str, Step, str], None]


@operation()
def perform_step(step: Step) -> Generator[FileUploadCommand | StringCommand | FileDownloadCommand, None, None]:
    """One step of ours as a pyinfra operation."""
    script = step.script
    if step.upload is not None:
        place = f"{UPLOADS}{secrets.token_hex(8)}"
        yield FileUploadCommand(str(step.upload), place, _sudo=False)
        script = f"export ARTIFACT={place}; trap 'rm -f {place}' EXIT\n(\n{script}\n)"
    yield StringCommand(alone(script, step.timeout), _stdin=step.stdin or [], _timeout=step.timeout)
    if step.download is not None:
        remote, local = step.download
        local.parent.mkdir(parents=True, exist_ok=True)
        part = local.with_suffix(local.suffix + ".part")
        yield FileDownloadCommand(remote, str(part))


class _Events(BaseStateCallback):
    """Collects connection errors and hands step events on."""

    def __init__(self) -> None:
        self.unreachable: dict[str, str] = {}
        self.steps: dict[tuple[str, str], Step] = {}
        self.on_step: OnStep = lambda _host, _step, _event: None

    def host_connect(self, state: State, host: Host) -> None:  # noqa: ARG002
        client = host.connector.client  # type: ignore[attr-defined]
        client.get_transport().sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.get_transport().set_keepalive(15)

    def host_connect_error(self, state: State, host: Host, error: Exception) -> None:  # noqa: ARG002
        self.unreachable[host.name] = str(error)

    def operation_host_start(self, state: State, host: Host, op_hash: str) -> None:  # noqa: ARG002
        self._tell(host, op_hash, "start")

    def operation_host_success(self, state: State, host: Host, op_hash: str, retry_count: int = 0) -> None:  # noqa: ARG002
        self._tell(host, op_hash, "done")

    def operation_host_error(self, state: State, host: Host, op_hash: str, *_retries: int) -> None:  # noqa: ARG002
        self._tell(host, op_hash, "failed")

    def _tell(self, host: Host, op_hash: str, event: str) -> None:
        step = self.steps.get((host.name, op_hash))
        if step is not None:
            self.on_step(host.name, step, event)


class Fleet:
    """Open SSH connections to a set of hosts, one per host, shared by everything a run does."""

    def __init__(self, reach: Mapping[str, Ssh]) -> None:
        self._reach = dict(reach)
        inventory = Inventory(([(name, _data(ssh)) for name, ssh in reach.items()], {}))
        self._state = State()
        # Not through the constructor, which takes an inventory without hosts for none.
        self._state.init(inventory, Config(CONNECT_TIMEOUT=CONNECT_TIMEOUT, FAIL_PERCENT=0, PARALLEL=PARALLEL))
        self._state.check_for_changes = False
        self._events = _Events()
        self._state.add_callback_handler(self._events)

    def connect(self) -> Mapping[str, str]:
        """Connect to all hosts at once; returns the reason for each that cannot be reached."""
        self._state.set_stage(StateStage.Connect)
        try:
            connect_all(self._state)
        except PyinfraError:
            for name in self._reach:
                self._events.unreachable.setdefault(name, "not connected")
        self._state.set_stage(StateStage.Execute)
        return {name: why for name, why in self._events.unreachable.items() if not self._host(name).connected}

    def close(self) -> None:
        """Close every connection."""
        for name in self._reach:
            client = self._host(name).connector.client  # type: ignore[attr-defined]
            if client is not None:
                client.close()

    def _host(self, name: str) -> Host:
        found: Host = self._state.inventory.get_host(name)
        return found

    def run(self, host: str, script: str, stdin: str = "", timeout: int = 60) -> Output:
        """Run one script as root and return what it printed. Connection trouble is an unsuccessful Output."""
        sudo = self._reach[host].user != "root"
        try:
            ok, output = self._host(host).run_shell_command(
                StringCommand(script), _stdin=stdin or [], _timeout=timeout, _sudo=sudo
            )
        except TimeoutError:
            return Output(False, "", f"no answer within {timeout} s")
        except (OSError, EOFError, PyinfraError, AttributeError) as error:
            return Output(False, "", f"connection lost: {error}")
        return Output(ok, output.stdout, output.stderr)

    def sudo_problem(self, host: str) -> str:
        """Why this host's user cannot become root without a password; empty when it can."""
        if self._reach[host].user == "root":
            return ""
        ok, output = self._host(host).run_shell_command(StringCommand("sudo -n true"), _timeout=20)
        return (
            "" if ok else f"user {self._reach[host].user} cannot use sudo without a password: {output.stderr.strip()}"
        )

    def run_all(
        self, scripts: Mapping[str, str], stdin: Mapping[str, str] | None = None, timeout: int = 60
    ) -> Mapping[str, Output]:
        """Run a script on each host at the same time."""
        given = stdin or {}
        pool = Pool(PARALLEL)
        jobs = {
            host: pool.spawn(self.run, host, script, given.get(host, ""), timeout) for host, script in scripts.items()
        }
        pool.join()
        return {host: job.get() for host, job in jobs.items()}

    def hold(self, host: str, command: str) -> tuple[str, Any]:
        """Start a command that stays until the connection ends; returns its first line of output and its channel."""
        client = self._host(host).connector.client  # type: ignore[attr-defined]
        words = command if self._reach[host].user == "root" else f"sudo -n {command}"
        stdin, stdout, _ = client.exec_command(words)
        first = stdout.readline().strip()
        return first, (stdin, stdout)

    def perform(self, steps: Mapping[str, Sequence[Step]], on_step: OnStep) -> list[HostFailure]:
        """Run the steps of each host in order, all hosts side by side; a host stops at its first failure."""
        state, events = self._state, self._events
        for name in self._reach:
            host = self._host(name)
            state.ops[host].clear()
            host.op_hash_order.clear()
        state.op_meta.clear()
        state.is_executing = False
        events.steps.clear()
        events.on_step = on_step
        metas: list[tuple[str, Step, Any]] = []
        for name, listed in steps.items():
            host = self._host(name)
            sudo = self._reach[name].user != "root"
            for step in listed:
                meta = add_op(state, perform_step, step, host=[host], _sudo=sudo)[host]
                events.steps[name, meta._hash] = step  # noqa: SLF001 - pyinfra offers no public way
                metas.append((name, step, meta))
        stopped = ""
        try:
            run_ops(state, no_wait=True)
        except PyinfraError as error:
            stopped = str(error)
        return self._failures(metas, stopped)

    @staticmethod
    def _failures(metas: Sequence[tuple[str, Step, Any]], stopped: str) -> list[HostFailure]:
        failures = []
        failed: set[str] = set()
        for host, step, meta in metas:
            if meta.is_complete() and meta.did_succeed():
                if step.download is not None:
                    part = step.download[1].with_suffix(step.download[1].suffix + ".part")
                    part.replace(step.download[1])
                continue
            if host in failed:
                continue  # it stopped at the step before
            failed.add(host)
            cause = "it did not run; see the log"
            if meta.is_complete():
                output = Output(False, meta.stdout, meta.stderr)
                gone = f"no answer within {step.timeout} s, or the connection was lost"
                cause = output.cause if meta.stdout or meta.stderr else gone
            failures.append(HostFailure(host, step.role, step.name, cause))
        if stopped and not failures:
            failures.append(HostFailure("?", "?", "?", stopped))
        return failures


def _data(ssh: Ssh) -> dict[str, Any]:
    data: dict[str, Any] = {"ssh_hostname": ssh.host, "ssh_port": ssh.port, "ssh_user": ssh.user}
    data["ssh_strict_host_key_checking"] = "yes"
    data["ssh_connect_retries"] = 2
    if ssh.key is not None:
        data["ssh_key"] = str(ssh.key)
    if ssh.known_hosts is not None:
        data["ssh_known_hosts_file"] = str(ssh.known_hosts)
    return data


@contextmanager
def connected(reach: Mapping[str, Ssh]) -> Iterator[tuple[Fleet, Mapping[str, str]]]:
    """A Fleet with its unreachable hosts, closed at the end."""
    fleet = Fleet(reach)
    try:
        yield fleet, fleet.connect()
    finally:
        fleet.close()
