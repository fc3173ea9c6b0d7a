"""Desired state of the keepalived role."""

from __future__ import annotations

import zlib
from ipaddress import IPv4Interface

from massive_deploy.desired import DRAIN, Desired, File, Gate, Rolling, Unit
from massive_deploy.view import HostView

CONFIG = "/etc/keepalived/keepalived.conf"
DROP_IN = "/etc/systemd/system/keepalived.service.d/massive-deploy.conf"
WHOLE = "/usr/local/lib/massive-deploy/edge-is-whole"
INTERFACE = "/usr/local/lib/massive-deploy/edge-interface"
# VRRP has room for so many characters.
PASSWORD = 8


def address(view: HostView) -> str:
    """The shared address, without the network."""
    return str(IPv4Interface(str(view.topology.edge_address)).ip)


def desired(view: HostView) -> Desired:
    """Every edge server may hold the address; who has it keeps it as long as it works."""
    words = {
        "address": address(view),
        "peers": [edge.address for edge in view.running("keepalived") if edge.name != view.host.name],
        "router_id": view.settings.router_id or zlib.crc32(view.layout.name.encode()) % 255 + 1,
        "password": view.secret("keepalived/password")[:PASSWORD],
        "whole": WHOLE,
        "interface": INTERFACE,
        "drain": DRAIN,
    }
    return Desired(
        packages=("keepalived", "iputils-arping"),
        files=(
            File(CONFIG, view.render("keepalived.conf.j2", **words), 0o600, secret=True),
            File(DROP_IN, view.render("keepalived.service.j2", **words)),
            File(WHOLE, view.render("edge-is-whole.j2", **words), 0o755),
            File(INTERFACE, view.render("edge-interface.j2", **words), 0o755),
        ),
        units=(Unit("keepalived", restart_on=(DROP_IN, INTERFACE), reload_on=(CONFIG, WHOLE)),),
        rolling=Rolling(percent=1),
        gates=(Gate("keepalived runs", "systemctl --quiet is-active keepalived"),),
    )
