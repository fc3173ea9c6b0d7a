"""Desired state of the memcached role."""

from __future__ import annotations

import shlex

from massive_deploy.desired import Desired, File, Gate, Unit
from massive_deploy.view import HostView

from .settings import DATA, METRICS
from .sizes import items

CONFIG = "/etc/memcached.conf"
DROP_IN = "/etc/systemd/system/memcached.service.d/massive-deploy.conf"

PROGRAM = "/usr/local/lib/massive-deploy/memcached_exporter.py"
EXPORTER = "memcached-exporter"
SERVICE = f"/etc/systemd/system/{EXPORTER}.service"


def desired(view: HostView) -> Desired:
    """One node, on the host's own address only."""
    memory = items(view.host, view.settings)
    return Desired(
        packages=("memcached", "python3"),
        files=(
            File(CONFIG, view.render("memcached.conf.j2", memory=memory, threads=max(1, min(4, view.host.cpus)))),
            File(DROP_IN, view.render("memcached.service.j2")),
            File(PROGRAM, view.render("memcached_exporter.py")),
            File(SERVICE, view.render(f"{EXPORTER}.service.j2", program=PROGRAM, data=DATA, metrics=METRICS)),
        ),
        units=(
            Unit("memcached", restart_on=(CONFIG, DROP_IN)),
            Unit(EXPORTER, restart_on=(PROGRAM, SERVICE)),
        ),
        gates=(Gate("memcached answers", _version(view.host.address)),),
    )


def _version(address: str) -> str:
    # bash opens TCP connections by itself, so that no further package is needed.
    talk = f'exec 3<>/dev/tcp/{address}/11211; printf "version\\r\\nquit\\r\\n" >&3; grep -q ^VERSION <&3'
    return f"bash -c {shlex.quote(talk)}"
