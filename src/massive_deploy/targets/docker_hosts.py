"""All machines of one inventory on the Docker engine, worked on side by side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import TypeVar

import docker
import requests
from docker.errors import DockerException
from docker.models.containers import Container

from massive_deploy.errors import HostFailure, HostsFailed, MassiveDeployError
from massive_deploy.targets import Machine, Say
from massive_deploy.targets.docker_arguments import INVENTORY_LABEL, MACHINE_LABEL, container_name
from massive_deploy.targets.docker_engine import explain, ours
from massive_deploy.targets.docker_machine import Inventory, Ready, bring_up

AT_ONCE = 6
Result = TypeVar("Result")


def containers(client: docker.DockerClient, inventory: str) -> dict[str, Container]:
    """The inventory's containers, running or not, by machine name."""
    found = client.containers.list(all=True, filters=ours(inventory))
    return {container.labels[MACHINE_LABEL]: container for container in found}


def names(client: docker.DockerClient, inventory: str) -> list[str]:
    """The inventory's machines, running or not, sorted; one question to the engine whatever their number."""
    return sorted(found["Labels"][MACHINE_LABEL] for found in client.api.containers(all=True, filters=ours(inventory)))


def check_present(
    client: docker.DockerClient, inventory: str, machines: Sequence[Machine], present: Mapping[str, Container]
) -> None:
    """Refuses containers of our names that are not ours, and machines whose address was changed."""
    wanted = {container_name(inventory, machine.name) for machine in machines}
    for container in client.api.containers(all=True):
        strange = wanted & {name.lstrip("/") for name in container["Names"]}
        if strange and (container["Labels"] or {}).get(INVENTORY_LABEL) != inventory:
            name = min(strange)
            raise MassiveDeployError(
                f"a container named {name} exists and was not made by massive-deploy for inventory {inventory}",
                f"rename the inventory, or: docker rm -f {name}",
            )
    for machine in machines:
        ours_now = present.get(machine.name)
        if ours_now is not None and (address := _address(ours_now, inventory)) != machine.address:
            raise MassiveDeployError(
                f"{machine.name} was made with the address {address}, not {machine.address}",
                f"set the address back, or make it anew: docker rm -f {ours_now.name}",
            )


def _address(container: Container, inventory: str) -> str:
    endpoint = container.attrs["NetworkSettings"]["Networks"].get(inventory) or {}
    return str((endpoint.get("IPAMConfig") or {}).get("IPv4Address", "none"))


def bring_all_up(inventory: Inventory, machines: Sequence[Machine], say: Say) -> dict[str, Ready]:
    """Every machine, ready, by name.

    Raises:
        HostsFailed: some could not be made or do not answer; the others are left running.
    """
    present = containers(inventory.client, inventory.name)
    check_present(inventory.client, inventory.name, machines, present)
    jobs = {machine.name: partial(bring_up, inventory, machine, present.get(machine.name)) for machine in machines}
    ready: dict[str, Ready] = {}
    for name, result in side_by_side(jobs, "machines"):
        ready[name] = result
        if result.done:
            say(f"{name}: {result.done}")
    return ready


def remove(client: docker.DockerClient, inventory: str, names: Collection[str], say: Say) -> None:
    """Removes these containers of the inventory with their volumes."""
    found = containers(client, inventory)
    jobs = {name: partial(made.remove, v=True, force=True) for name, made in found.items() if name in names}
    for name, _ in side_by_side(jobs, "destroy"):
        say(f"{name}: removed")


def remove_all(client: docker.DockerClient, inventory: str, say: Say) -> None:
    """Removes the inventory's containers with their volumes, then its network."""
    remove(client, inventory, containers(client, inventory), say)
    for network in client.networks.list(filters=ours(inventory)):
        network.remove()
        say(f"network {network.name} removed")


def side_by_side(jobs: Mapping[str, Callable[[], Result]], stage: str) -> Iterator[tuple[str, Result]]:
    """Runs one job a host, a few at once; yields results as they come, then raises for those that failed."""
    failures: list[HostFailure] = []
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        names = {pool.submit(job): name for name, job in jobs.items()}
        for future in as_completed(names):
            name = names[future]
            try:
                result = future.result()
            except MassiveDeployError as error:
                failures.append(HostFailure(name, stage, "container", error.what, error.fix))
            except (DockerException, requests.RequestException, OSError) as error:
                next_ = "journalctl -u docker -n 20"
                failures.append(HostFailure(name, stage, "container", explain(error), next_))
            else:
                yield name, result
    if failures:
        raise HostsFailed(failures)
