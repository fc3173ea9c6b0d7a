"""The door to pyinfra: connections, operations, file transfer. Nothing else in the project imports it.

One call of `perform` is one stage: every host goes through its own steps without waiting for the others, and the call
returns when all are done.
"""

from __future__ import annotations

import logging
import os
import secrets
import shlex
import socket
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

os.environ["PYINFRA_PROGRESS"] = "off"
from gevent import monkey

monkey.patch_all(ssl=False)  # SSH needs no ssl, and it may be imported already

from gevent import get_hub, spawn  # noqa: E402
from gevent.pool import Pool  # noqa: E402
from paramiko import SSHException  # noqa: E402
from pyinfra.api.command import FileDownloadCommand, FileUploadCommand, StringCommand  # noqa: E402
from pyinfra.api.config import Config  # noqa: E402
from pyinfra.api.connect import connect_all  # noqa: E402
from pyinfra.api.exceptions import PyinfraError  # noqa: E402
from pyinfra.api.host import Host  # noqa: E402
from pyinfra.api.inventory import Inventory  # noqa: E402
from pyinfra.api.operation import add_op, operation  # noqa: E402
from pyinfra.api.operations import run_ops  # noqa: E402
from pyinfra.api.state import BaseStateCallback, State, StateStage  # noqa: E402
from pyinfra.connectors.util import CommandOutput  # noqa: E402

from massive_deploy.engine.litter import UPLOADS, alone  # noqa: E402
from massive_deploy.engine.lock import line  # noqa: E402
from massive_deploy.engine.step import Output, Step  # noqa: E402
from massive_deploy.errors import HostFailure, HostsFailed  # noqa: E402
from massive_deploy.targets import Ssh  # noqa: E402

logging.getLogger("pyinfra").addHandler(logging.NullHandler())
logging.getLogger("pyinfra").propagate = False
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False

# A failed step ends its host's greenlet with this; it is told from the operation's result, not on standard error.
get_hub().NOT_ERROR = (*get_hub().NOT_ERROR, PyinfraError)

CONNECT_TIMEOUT = 10
KEEPALIVE = 15
SILENCE = 45
"""Seconds after which a host that acknowledges nothing is given up; with KEEPALIVE, a cut wire is seen in a minute."""
PARALLEL = 64
LOST = "the connection was lost"
# Not with "sudo: " in front, at which pyinfra would ask for the password.
_CAN_SUDO = 'said=$(sudo -n true 2>&1) || { echo "${said#sudo*: }" >&2; exit 1; }'
TROUBLE = (OSError, EOFError, SSHException, PyinfraError)

OnStep = Callable[[str, Step, str], None]


class _Transfer:
    """Ends as a failed command, with its reason kept, whatever cuts it short; pyinfra lets most of that through."""

    def execute(self, state: State, host: Host, arguments: Any) -> Any:
        try:
            return super().execute(state, host, arguments)  # type: ignore[misc]
        except TROUBLE as error:
            host.connector_data["trouble"] = f"{type(self).__name__.strip('_').lower()}: {error or 'connection lost'}"
            return False


class _Upload(_Transfer, FileUploadCommand):
    pass


class _Download(_Transfer, FileDownloadCommand):
    pass


class _Anew(StringCommand):
    """Runs over a connection of its own: proves that the host lets us in as it is now."""

    def execute(self, state: State, host: Host, arguments: Any) -> Any:
        connector = type(host.connector)(state, host)
        arguments.update(self.connector_arguments)
        try:
            connector.connect()
            return connector.run_shell_command(self, **arguments)
        except TROUBLE as error:
            host.connector_data["trouble"] = f"a new connection did not come in: {error or LOST}"
            return False, CommandOutput([])
        finally:
            if connector.client is not None:  # type: ignore[attr-defined]
                connector.client.close()  # type: ignore[attr-defined]


@operation()
def perform_step(step: Step) -> Generator[FileUploadCommand | StringCommand | FileDownloadCommand, None, None]:
    """One step of ours as a pyinfra operation."""
    script = step.script
    if step.upload is not None:
        place = f"{UPLOADS}{secrets.token_hex(8)}"
        yield _Upload(str(step.upload), place, _sudo=False)
        script = f"export ARTIFACT={place}; trap 'rm -f {place}' EXIT\n(\n{script}\n)"
    yield StringCommand(alone(script, step.timeout), _stdin=step.stdin or [], _timeout=step.timeout)
    if step.confirm:
        yield _Anew(step.confirm, _timeout=step.timeout)
    if step.download is not None:
        remote, local = step.download
        local.parent.mkdir(parents=True, exist_ok=True)
        part = local.with_suffix(local.suffix + ".part")
        yield _Download(remote, str(part))


class _Events(BaseStateCallback):
    """Collects connection errors and hands step events on."""

    def __init__(self) -> None:
        self.unreachable: dict[str, str] = {}
        self.steps: dict[tuple[str, str], Step] = {}
        self.on_step: OnStep = lambda _host, _step, _event: None

    def host_connect(self, state: State, host: Host) -> None:  # noqa: ARG002
        client = host.connector.client  # type: ignore[attr-defined]
        transport = client.get_transport()
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE * 1000)
        transport.set_keepalive(KEEPALIVE)

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
        unreachable = {name: why for name, why in self._events.unreachable.items() if not self._host(name).connected}
        mute = {name: spawn(_greeting, self._reach[name]) for name, why in unreachable.items() if "banner" in why}
        said = {name: job.get() for name, job in mute.items()}
        return unreachable | {name: f"the SSH server says: {text}" for name, text in said.items() if text}

    def close(self) -> None:
        """Close every connection."""
        for name in self._reach:
            client = self._host(name).connector.client  # type: ignore[attr-defined]
            if client is not None:
                client.close()

    def _host(self, name: str) -> Host:
        found: Host = self._state.inventory.get_host(name)
        return found

    def run(self, host: str, script: str, stdin: str = "", timeout: int = 60, *, sudo: bool = True) -> Output:
        """Run one script as root and return what it printed. Connection trouble is an unsuccessful Output."""
        become = sudo and self._reach[host].user != "root"
        try:
            ok, output = self._host(host).run_shell_command(
                StringCommand(script), _stdin=stdin or [], _timeout=timeout, _sudo=become
            )
        except TimeoutError:
            return Output(False, "", f"no answer within {timeout} s")
        except (*TROUBLE, AttributeError) as error:
            return Output(False, "", f"connection lost: {error}")
        if not ok and self._lost(host):
            return Output(False, output.stdout, f"{output.stderr}\n{LOST}".strip())
        return Output(ok, output.stdout, output.stderr)

    def _lost(self, host: str) -> bool:
        transport = self._host(host).connector.client.get_transport()  # type: ignore[attr-defined]
        return transport is None or not transport.is_active()

    def sudo_problems(self) -> Mapping[str, str]:
        """Why users that are not root cannot become it without a password; only hosts where that is so."""
        others = {name: ssh.user for name, ssh in self._reach.items() if ssh.user != "root"}
        outputs = self.run_all(dict.fromkeys(others, _CAN_SUDO), timeout=20, sudo=False)
        return {
            name: f"user {others[name]} cannot use sudo without a password: {output.cause}"
            for name, output in outputs.items()
            if not output.ok
        }

    def run_all(
        self,
        scripts: Mapping[str, str],
        stdin: Mapping[str, str] | None = None,
        timeout: int = 60,
        *,
        sudo: bool = True,
    ) -> Mapping[str, Output]:
        """Run a script on each host at the same time."""
        given = stdin or {}
        pool = Pool(PARALLEL)
        jobs = {
            host: pool.spawn(self.run, host, script, given.get(host, ""), timeout, sudo=sudo)
            for host, script in scripts.items()
        }
        pool.join()
        return {host: job.get() for host, job in jobs.items()}

    def hold(self, host: str, command: str) -> tuple[str, Any]:
        """Start a command that stays until the connection ends; returns its first line of output and its channel.

        Raises:
            HostsFailed: it ended without a word, or the connection is lost.
        """
        client = self._host(host).connector.client  # type: ignore[attr-defined]
        words = command if self._reach[host].user == "root" else f"sudo -n {command}"
        try:
            stdin, stdout, stderr = client.exec_command(words)
            if first := stdout.readline().strip():
                return first, (stdin, stdout)
            why = stderr.read().decode("utf-8", "replace").strip()
        except TROUBLE as error:
            why = str(error)
        why = f"{why}\n{LOST}".strip() if self._lost(host) else why or "the command said nothing"
        raise HostsFailed([HostFailure(host, "connect", "take the lock", why)])

    def follow(self, scripts: Mapping[str, str], on_line: Callable[[str, str], None]) -> dict[str, str]:
        """Run a script as root on each host and hand on (host, line) as lines come, until all scripts have ended.

        The scripts' input stays open until then. Returns why, for hosts whose connection was lost.
        """
        pool = Pool(PARALLEL)
        jobs = {host: pool.spawn(self._follow, host, script, on_line) for host, script in scripts.items()}
        pool.join()
        return {host: why for host, job in jobs.items() if (why := job.get())}

    def _follow(self, host: str, script: str, on_line: Callable[[str, str], None]) -> str:
        words = shlex.join([*([] if self._reach[host].user == "root" else ["sudo", "-n"]), "sh", "-c", script])
        try:
            channel = self._host(host).connector.client.get_transport().open_session()  # type: ignore[attr-defined]
            channel.exec_command(words)
            for raw in channel.makefile("rb"):
                on_line(host, raw.decode("utf-8", "replace").rstrip("\n"))
        except TROUBLE as error:
            return str(error) or LOST
        return LOST if self._lost(host) else ""

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

    def _failures(self, metas: Sequence[tuple[str, Step, Any]], stopped: str) -> list[HostFailure]:
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
            cause = self._cause(host, step, meta) if meta.is_complete() else "it did not run; see the log"
            failures.append(HostFailure(host, step.role, step.name, cause))
        if stopped and not failures:
            failures.append(HostFailure("?", "?", "?", stopped))
        return failures

    def _cause(self, host: str, step: Step, meta: Any) -> str:
        said = Output(False, meta.stdout, meta.stderr).cause if meta.stdout or meta.stderr else ""
        trouble = self._host(host).connector_data.pop("trouble", "")
        lost = LOST if self._lost(host) else ""
        return "\n".join(filter(None, (said, trouble, lost))) or f"no answer within {step.timeout} s"


def _greeting(ssh: Ssh) -> str:
    """What a server says instead of `SSH-2.0-…` when it will not talk; empty when it says nothing like that."""
    try:
        with socket.create_connection((ssh.host, ssh.port), CONNECT_TIMEOUT) as server:
            said = line(server.recv(200).decode("utf-8", "replace"))
    except OSError:
        return ""
    return "" if said.startswith("SSH-") else said


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
