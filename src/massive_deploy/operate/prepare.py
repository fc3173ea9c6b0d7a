"""From an opened inventory to desired states and machines' coordinates; no host is contacted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from massive_deploy.errors import MassiveDeployError
from massive_deploy.paths import state_dir
from massive_deploy.render import Rendered, Renderer, controller_authorities, stages
from massive_deploy.secrets import Secrets
from massive_deploy.targets import Machine, Ssh, Target
from massive_deploy.topology.addresses import subnet
from massive_deploy.view import Release

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.topology.layout import Host


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything `plan` and `up` compare the hosts with."""

    inventory: Inventory
    secrets: Secrets
    renderer: Renderer
    rendered: Rendered
    generations: tuple[tuple[str, ...], ...]


def prepare(inventory: Inventory, *, offline: bool = False) -> Prepared:
    """Render the inventory: fetches the project's source, opens or generates secrets (not yet saved).

    `offline` fetches nothing and opens no secret; what depends on them is rendered with fixed words.
    """
    from massive_deploy import sources

    secrets = Secrets(inventory.folder)
    app = inventory.topology.app
    release = Release("offline", "") if offline else sources.fetch(app, inventory.folder)
    renderer = Renderer(
        inventory.layout,
        inventory.roles,
        _masked if offline else secrets,
        project=inventory.project,
        release=release,
        authorities=controller_authorities(),
    )
    rendered = renderer.all()
    return Prepared(inventory, secrets, renderer, rendered, stages(inventory.layout, inventory.roles))


def _masked(name: str) -> str:
    return f"({name})"


def machine(host: Host) -> Machine:
    """The machine a host stands on."""
    return Machine(host.name, host.address, host.memory_mb, host.cpus)


def machines(inventory: Inventory) -> list[Machine]:
    """The machines the layout stands on."""
    return [machine(host) for host in inventory.layout.hosts]


def target(inventory: Inventory) -> Target:
    """Where this inventory's machines come from."""
    topology = inventory.topology
    if topology.target == "docker":
        from massive_deploy.targets.docker import DockerTarget

        return DockerTarget(topology.name, subnet(topology), topology.docker.image, state_dir() / topology.name)
    from massive_deploy.targets.ssh import SshTarget

    return SshTarget(ssh_hosts(inventory))


def ssh_hosts(inventory: Inventory) -> Mapping[str, Ssh]:
    """Coordinates of the hosts the user gave; key files are relative to the inventory's folder."""
    found = {}
    for name, given in inventory.topology.hosts.items():
        key = inventory.folder / given.key if given.key is not None else None
        known = inventory.folder / given.known_hosts if given.known_hosts is not None else None
        for path in (key, known):
            if path is not None and not path.expanduser().is_file():
                raise MassiveDeployError(
                    f"hosts.{name}: no file {path}", "correct `key` or `known_hosts` in topology.yaml"
                )
        found[name] = Ssh(
            given.address,
            given.port,
            given.user,
            key.expanduser() if key is not None else None,
            known.expanduser() if known is not None else None,
        )
    return found
