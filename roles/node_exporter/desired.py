"""Files and unit of node_exporter."""

from __future__ import annotations

from massive_deploy.desired import Desired, File, Gate, Unit
from massive_deploy.view import HostView

DEFAULTS = "/etc/default/prometheus-node-exporter"
UNIT = "prometheus-node-exporter"
ALWAYS = ("systemd", "textfile")
DROP_IN = f"/etc/systemd/system/{UNIT}.service.d/massive-deploy.conf"


def desired(view: HostView) -> Desired:
    """Listens on the host's address and on loopback."""
    port = view.layout.ports[view.role][0]
    without = [name for name in view.settings.without if name not in ALWAYS]
    url = f"http://{view.host.address}:{port.number}{port.metrics}"
    return Desired(
        packages=("prometheus-node-exporter",),
        files=(
            File(DEFAULTS, view.render("prometheus-node-exporter.j2", port=port.number, without=without)),
            File(DROP_IN, view.render("prometheus-node-exporter.service.j2")),
        ),
        units=(Unit(UNIT, restart_on=(DEFAULTS, DROP_IN)),),
        gates=(Gate("node_exporter answers", f"curl -sf -o /dev/null {url}"),),
    )
