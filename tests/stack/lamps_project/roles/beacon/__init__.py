"""What is done after the lamp, on the same hosts."""

from __future__ import annotations

from massive_deploy.desired import Desired, File
from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Strict, Topology
from massive_deploy.view import HostView

NEEDS = ("lamp",)
PLACED_ON = ("lamp",)
SERVES: tuple[Port, ...] = ()
CALLS: tuple[str, ...] = ()


class Settings(Strict):
    """The beacon has none."""


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always."""
    return True


def desired(view: HostView) -> Desired:
    """A note of how bright the lamp is."""
    return Desired(files=(File("/etc/beacon.conf", f"{view.settings_of('lamp').brightness}\n"),))
