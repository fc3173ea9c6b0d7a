"""The connection to the Docker engine. Importing this module costs the SDK's import: do it late."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import requests
from docker.errors import DockerException

from massive_deploy.errors import MassiveDeployError
from massive_deploy.targets.docker_arguments import INVENTORY_LABEL

UNREACHABLE = (DockerException, requests.RequestException)


@contextmanager
def connect(timeout: float = 120) -> Iterator[docker.DockerClient]:
    """A client of the engine that DOCKER_HOST or the default socket names.

    Args:
        timeout: seconds any one answer may take.

    Raises:
        MassiveDeployError: no engine answers, or it fails a request that nobody below explained.
    """
    client = None
    try:
        client = docker.from_env(timeout=int(timeout))
        client.ping()
    except UNREACHABLE as error:
        if client is not None:
            client.close()
        raise _no_engine(error) from error
    try:
        yield client
    except UNREACHABLE as error:
        raise MassiveDeployError(f"the Docker engine did not do what was asked: {explain(error)}") from error
    finally:
        client.close()


def _no_engine(error: Exception) -> MassiveDeployError:
    where = os.environ.get("DOCKER_HOST") or "/var/run/docker.sock"
    if "Permission" in str(error):
        return MassiveDeployError(
            f"this user may not talk to the Docker engine at {where}",
            "sudo usermod -aG docker $USER, then log in again",
        )
    return MassiveDeployError(
        f"no Docker engine answers at {where}",
        "install and start it: sudo apt-get install docker.io && sudo systemctl start docker",
    )


def ours(inventory: str) -> dict[str, str | list[str] | bool]:
    """The filter that finds what belongs to an inventory."""
    return {"label": f"{INVENTORY_LABEL}={inventory}"}


def explain(error: Exception) -> str:
    """The engine's own words, without the HTTP wrapping."""
    return str(getattr(error, "explanation", None) or error).strip()
