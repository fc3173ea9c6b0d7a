"""Hosts that already exist: real machines, made and removed by someone else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from massive_deploy.errors import MassiveDeployError, Refused
from massive_deploy.targets import Machine, Say, Ssh


@dataclass(frozen=True, slots=True)
class SshTarget:
    """Existing hosts by name."""

    hosts: Mapping[str, Ssh]

    def ensure(self, machines: Sequence[Machine], say: Say) -> Mapping[str, Ssh]:  # noqa: ARG002
        """The same as `reach`: no machine is made here."""
        return self.reach(machines)

    def reach(self, machines: Sequence[Machine]) -> Mapping[str, Ssh]:
        """The coordinates given for each machine."""
        missing = sorted({machine.name for machine in machines} - self.hosts.keys())
        if missing:
            raise MassiveDeployError(
                f"no SSH address is given for {', '.join(missing)}",
                "add each to the inventory's hosts",
            )
        return {machine.name: self.hosts[machine.name] for machine in machines}

    def present(self) -> Sequence[str]:
        """Every name given, in the order given."""
        return tuple(self.hosts)

    def remove(self, names: Sequence[str], say: Say) -> None:
        """The machines stay; says so."""
        for name in names:
            say(f"{name}: the machine itself stays, it was not made by massive-deploy")

    def destroy(self, say: Say) -> None:  # noqa: ARG002
        """Always refused."""
        raise Refused(
            "these hosts are not ours to remove: the target only borrows them over SSH",
            "remove them where they were made",
        )
