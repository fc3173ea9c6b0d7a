"""One machine on the Docker engine: made or brought back, limits set, waited for."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import docker
from docker.errors import APIError
from docker.models.containers import Container

from massive_deploy.errors import MassiveDeployError
from massive_deploy.targets import Machine
from massive_deploy.targets.docker_arguments import container_arguments, limits
from massive_deploy.targets.docker_engine import explain
from massive_deploy.targets.tarball import Entry, only_file, pack

BOOT_PATIENCE_S = 120
POLL_S = 0.2
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


@dataclass(frozen=True, slots=True)
class Inventory:
    """What all machines of one inventory share. `new_key`: machines that exist do not know the key yet.

    `trusted` are the host keys that are recorded, by address.
    """

    client: docker.DockerClient
    name: str
    image: str
    public_key: bytes
    new_key: bool
    trusted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ready:
    """A machine that answers: what was done to it (empty if nothing) and its host's public key."""

    done: str
    host_key: str


def bring_up(inventory: Inventory, machine: Machine, present: Container | None) -> Ready:
    """Makes the container or brings back the present one; returns when systemd is up and sshd answers."""
    started = time.monotonic()
    steps: list[str] = []
    container = present
    if container is None:
        container = inventory.client.containers.create(**container_arguments(inventory.name, machine, inventory.image))
        steps.append("made")
    elif _update_limits(container, machine):
        steps.append(f"limits set to {machine.memory_mb} MiB, {machine.cpus:g} CPU")
    # `created` is also what a run leaves that was killed before it had authorized its key.
    if container.status == "created" or inventory.new_key:
        _authorize(container, inventory.public_key)
    if container.status == "paused":
        container.unpause()
        steps.append("unpaused")
    elif container.status != "running":
        container.start()
        steps.append("started")
    known = inventory.trusted.get(machine.address)
    if not steps and known is not None and _long_up(container):
        return Ready(done="", host_key=known)
    _wait_for_systemd(container, machine.name)
    _wait_for_sshd(machine)
    took = f", ready after {time.monotonic() - started:.1f} s" if steps else ""
    return Ready(done=", ".join(steps) + took, host_key=_host_key(container))


def _long_up(container: Container) -> bool:
    """Whether it has been running for longer than any boot takes."""
    started = container.attrs["State"]["StartedAt"]
    since = datetime.fromisoformat(started.partition(".")[0].removesuffix("Z")).replace(tzinfo=UTC)
    return datetime.now(UTC) - since > timedelta(seconds=BOOT_PATIENCE_S)


def _update_limits(container: Container, machine: Machine) -> bool:
    wanted = limits(machine)
    host = container.attrs["HostConfig"]
    present = (host.get("Memory"), host.get("MemorySwap"), host.get("CpuPeriod"), host.get("CpuQuota"))
    if present == tuple(wanted.values()):
        return False
    try:
        container.update(
            mem_limit=wanted["mem_limit"],
            memswap_limit=wanted["memswap_limit"],
            cpu_period=wanted["cpu_period"],
            cpu_quota=wanted["cpu_quota"],
        )
    except APIError as error:
        raise MassiveDeployError(
            f"the limits of {machine.name} could not be set to {machine.memory_mb} MiB: {explain(error)}",
            "a limit below what is in use is refused: stop services on it, or leave the limit",
        ) from error
    return True


def _authorize(container: Container, public_key: bytes) -> None:
    entries = [Entry(".ssh", None, 0o700), Entry(".ssh/authorized_keys", public_key, 0o600)]
    container.put_archive("/root", pack(entries))


def _wait_for_systemd(container: Container, name: str) -> None:
    deadline = time.monotonic() + BOOT_PATIENCE_S
    state = "no answer"
    output: object = b""
    while time.monotonic() < deadline:
        try:
            output = container.exec_run(["systemctl", "is-system-running"]).output
        except APIError as error:
            container.reload()
            if container.status != "running":
                raise _stopped(container, name) from error
            output = b""
        if isinstance(output, bytes):
            state = output.decode(errors="replace").strip() or state
        if state in {"running", "degraded"}:
            return
        time.sleep(POLL_S)
    raise MassiveDeployError(
        f"{name} did not come up in {BOOT_PATIENCE_S} s; systemd says: {state}",
        f"docker exec {container.name} systemctl list-jobs",
    )


def _stopped(container: Container, name: str) -> MassiveDeployError:
    code = container.attrs["State"].get("ExitCode")
    words = b"".join(container.logs(tail=5, stream=True)).decode(errors="replace").strip()
    return MassiveDeployError(
        f"the container of {name} stopped while it booted (exit code {code}): {words or 'it said nothing'}",
        f"docker start -a {container.name}",
    )


def _wait_for_sshd(machine: Machine) -> None:
    deadline = time.monotonic() + BOOT_PATIENCE_S
    problem = ""
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((machine.address, 22), timeout=5) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError as error:
            problem = str(error)
        time.sleep(POLL_S)
    raise MassiveDeployError(
        f"{machine.name} runs but {machine.address}:22 does not answer from here: {problem}",
        "the engine must run on this very machine: containers behind Docker Desktop or a remote engine"
        " have no address here",
    )


def _host_key(container: Container) -> str:
    chunks, _ = container.get_archive(HOST_KEY)
    return only_file(chunks).decode()
