"""The inventory's own network on the Docker engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, ip_network

import docker
from docker.errors import APIError
from docker.models.networks import Network

from massive_deploy.errors import MassiveDeployError
from massive_deploy.targets import Machine, Say
from massive_deploy.targets.docker_arguments import INVENTORY_LABEL, network_arguments
from massive_deploy.targets.docker_engine import explain


def ensure_network(client: docker.DockerClient, inventory: str, subnet: str, say: Say) -> None:
    """Makes the network unless it exists; refuses one that is not ours or has another subnet."""
    networks = client.networks.list()
    for network in networks:
        if network.name == inventory:
            _must_match(network, inventory, subnet)
            return
    for network in networks:
        for other in subnets(network.attrs):
            if other.overlaps(IPv4Network(subnet)):
                raise MassiveDeployError(
                    f"the subnet {subnet} of inventory {inventory} overlaps {other},"
                    f" which the Docker network {network.name} has",
                    f"choose another subnet in the topology, or: docker network rm {network.name}",
                )
    try:
        client.networks.create(**network_arguments(inventory, subnet))
    except APIError as error:
        raise MassiveDeployError(
            f"the Docker network {inventory} ({subnet}) could not be made: {explain(error)}",
            "choose another subnet in the topology",
        ) from error
    say(f"network {inventory} ({subnet}) made")


def _must_match(network: Network, inventory: str, subnet: str) -> None:
    if (network.attrs.get("Labels") or {}).get(INVENTORY_LABEL) != inventory:
        raise MassiveDeployError(
            f"a Docker network named {inventory} exists and was not made by massive-deploy",
            f"rename the inventory, or: docker network rm {inventory}",
        )
    present = list(subnets(network.attrs))
    if present != [IPv4Network(subnet)]:
        raise MassiveDeployError(
            f"the Docker network {inventory} has the subnet {', '.join(map(str, present))}, not {subnet}",
            f"set the subnet back, or remove its machines first: massive-deploy destroy {inventory}",
        )


def subnets(attributes: Mapping[str, object]) -> Iterator[IPv4Network]:
    """The IPv4 subnets in a network's description."""
    ipam = attributes.get("IPAM")
    configs = ipam.get("Config") if isinstance(ipam, dict) else None
    for config in configs or ():
        network = ip_network(config["Subnet"], strict=False)
        if isinstance(network, IPv4Network):
            yield network


def check_addresses(machines: Sequence[Machine], subnet: str) -> None:
    """Refuses addresses that Docker would only refuse at the start of the container."""
    network = IPv4Network(subnet)
    taken = {network.network_address, network.network_address + 1, network.broadcast_address}
    for machine in machines:
        address = IPv4Address(machine.address)
        if address not in network or address in taken:
            raise MassiveDeployError(
                f"the address {address} of {machine.name} is not free for a host in {subnet}",
                f"give it one from {network.network_address + 2} to {network.broadcast_address - 1}",
            )
