"""A small role with one of everything: a package, a file, a task that takes its time, a unit."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.desired import Desired, File, Gate, Task, Unit
from massive_deploy.topology.layout import Port
from massive_deploy.topology.model import Strict, Topology
from massive_deploy.view import HostView

NEEDS = ("base",)
PLACED_ON = ("lamp",)
SERVES: tuple[Port, ...] = ()
CALLS: tuple[str, ...] = ()
WARM = "/var/lib/lamp-warm"


class Settings(Strict):
    """The lamp."""

    brightness: int = Field(default=1, ge=1, le=99)
    """How bright."""
    warm_up: int = Field(default=0, ge=0, le=600)
    """Seconds it takes to change."""


def wanted(topology: Topology) -> bool:  # noqa: ARG001
    """Always."""
    return True


def desired(view: HostView) -> Desired:
    """One lamp a host."""
    wish = view.settings
    conf = File("/etc/lamp.conf", f"brightness {wish.brightness}\n")
    unit = File(
        "/etc/systemd/system/lamp.service",
        "[Service]\nExecStart=/bin/sh -c 'while cat /etc/lamp.conf; do sleep 5; done'\n"
        "[Install]\nWantedBy=multi-user.target\n",
    )
    change = f"sleep {wish.warm_up}; sed 's/brightness //' {conf.path} >{WARM}.new; mv {WARM}.new {WARM}"
    return Desired(
        packages=("sl",),
        files=(conf, unit),
        tasks=(Task("warm up", f"cat {WARM}", str(wish.brightness), change, before_units=True),),
        units=(Unit("lamp", restart_on=(conf.path, unit.path)),),
        gates=(Gate("burns", "systemctl is-active lamp", 10),),
    )
