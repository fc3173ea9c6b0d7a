"""A machine's power switch, for drills: off at once, as when its cable is pulled, and on again.

    python -m massive_deploy.targets.docker_power INVENTORY MACHINE SECONDS

switches it on after some seconds: a drill starts this beside itself, in case it is killed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from massive_deploy.errors import MassiveDeployError

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container


def off(inventory: str, machine: str) -> None:
    """Ends everything on the machine at once; its disk stays as it is."""
    from massive_deploy.targets.docker_engine import connect

    with connect() as client:
        _container(client, inventory, machine).kill()


def on(inventory: str, machine: str) -> None:
    """Starts the machine; nothing when it runs."""
    from massive_deploy.targets.docker_engine import connect

    with connect() as client:
        _container(client, inventory, machine).start()


def on_later(inventory: str, machine: str, seconds: int) -> subprocess.Popen[bytes]:
    """A process of its own that outlives this one and starts the machine; end it when that is done already."""
    line = [sys.executable, "-m", "massive_deploy.targets.docker_power", inventory, machine, str(seconds)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(line, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)


def _container(client: docker.DockerClient, inventory: str, machine: str) -> Container:
    from massive_deploy.targets.docker_hosts import containers

    found = containers(client, inventory)
    if machine not in found:
        raise MassiveDeployError(f"there is no container of {machine}", f"see: docker ps -a | grep {inventory}")
    return found[machine]


if __name__ == "__main__":
    time.sleep(float(sys.argv[3]))
    on(sys.argv[1], sys.argv[2])
