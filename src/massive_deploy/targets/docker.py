"""Machines as Docker containers that run systemd, reached over SSH like any host.

The SDK is imported when a container is touched, not before: it costs a third of a second at every start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from massive_deploy.targets import Machine, Say, Ssh
from massive_deploy.targets.keys import Keys


@dataclass(frozen=True, slots=True)
class DockerTarget:
    """The machines of one inventory on the local Docker engine.

    Args:
        inventory: its name; prefix of the containers' names and name of their network.
        subnet: IPv4 subnet of that network, such as `172.30.7.0/24`; its first address is the gateway.
        image: an image that runs systemd and sshd, or None for ours, which is built when missing.
        folder: private folder of the inventory's SSH key and known_hosts: `state_dir() / inventory`.
    """

    inventory: str
    subnet: str
    image: str | None
    folder: Path

    def ensure(self, machines: Sequence[Machine], say: Say) -> Mapping[str, Ssh]:
        """Makes missing machines, starts those stopped, sets changed limits; waits until SSH answers."""
        from massive_deploy.targets.docker_engine import connect
        from massive_deploy.targets.docker_hosts import bring_all_up
        from massive_deploy.targets.docker_machine import Inventory
        from massive_deploy.targets.docker_network import check_addresses, ensure_network
        from massive_deploy.targets.image import host_image

        check_addresses(machines, self.subnet)
        with connect() as client:
            image = host_image(client, self.image, say)
            new_key = self._keys.make(f"massive-deploy {self.inventory}")
            ensure_network(client, self.inventory, self.subnet, say)
            public = self._keys.public.read_bytes()
            inventory = Inventory(client, self.inventory, image, public, new_key, self._keys.trusted())
            ready = bring_all_up(inventory, machines, say)
        self._keys.trust({machine.address: ready[machine.name].host_key for machine in machines})
        return self.reach(machines)

    def reach(self, machines: Sequence[Machine]) -> Mapping[str, Ssh]:
        """How to reach each machine; the engine is not asked."""
        return {
            machine.name: Ssh(host=machine.address, key=self._keys.private, known_hosts=self._keys.known_hosts)
            for machine in machines
        }

    def present(self) -> Sequence[str]:
        """Names of the inventory's machines, running or not, sorted."""
        from massive_deploy.targets.docker_engine import connect
        from massive_deploy.targets.docker_hosts import names

        with connect() as client:
            return names(client, self.inventory)

    def remove(self, names: Sequence[str], say: Say) -> None:
        """Removes these containers; network and keys stay."""
        from massive_deploy.targets.docker_engine import connect
        from massive_deploy.targets.docker_hosts import remove

        with connect() as client:
            remove(client, self.inventory, names, say)

    def destroy(self, say: Say) -> None:
        """Removes the inventory's containers, network and keys. The image stays."""
        from massive_deploy.targets.docker_engine import connect
        from massive_deploy.targets.docker_hosts import remove_all

        with connect() as client:
            remove_all(client, self.inventory, say)
        self._keys.remove()

    @property
    def _keys(self) -> Keys:
        return Keys(self.folder)
