"""From an opened inventory to desired states and machines' coordinates; no host is contacted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from massive_deploy.certificates import Kept
from massive_deploy.errors import MassiveDeployError
from massive_deploy.operate.chosen import Chosen, load_chosen
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


def prepare(inventory: Inventory, *, offline: bool = False, release: Release | None = None) -> Prepared:
    """Render the inventory: fetches the project's source, opens or generates secrets (not yet saved).

    `offline` fetches nothing and opens no secret; what depends on them is rendered with fixed words. `release` is
    taken instead of what was chosen or the topology says.
    """
    secrets = Secrets(inventory.folder)
    if release is None:
        release = Release("offline", "") if offline else fetch(inventory, load_chosen(inventory.folder))
    renderer = Renderer(
        inventory.layout,
        inventory.roles,
        _masked if offline else secrets,
        project=inventory.project,
        release=release,
        authorities=controller_authorities(),
        certificates=None if offline else Kept(secrets, inventory.name).certificates(),
    )
    rendered = renderer.all()
    return Prepared(inventory, secrets, renderer, rendered, stages(inventory.layout, inventory.roles))


def fetch(inventory: Inventory, chosen: Chosen | None) -> Release:
    """The release that was chosen, or (None) the one the topology says.

    Raises:
        MassiveDeployError: its source cannot be reached.
    """
    from massive_deploy import sources

    app = inventory.topology.app
    if chosen is None:
        return sources.fetch(app, inventory.folder)
    if chosen.release is not None:
        return Release(chosen.release, str(sources.archive_of(chosen.release)), kept=True)
    found = sources.fetch(app.model_copy(update={"ref": chosen.commit or chosen.ref}), inventory.folder)
    return replace(found, ref=chosen.ref or "")


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
