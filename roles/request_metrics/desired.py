"""The counter of requests: its program and unit."""

from __future__ import annotations

from massive_deploy.desired import MAINTENANCE, Desired, File, Gate, Unit
from massive_deploy.environment import workers
from massive_deploy.view import HostView

from .settings import METRICS

PROGRAM = "/usr/local/lib/massive-deploy/request_metrics.py"
UNIT = "request-metrics"
SERVICE = f"/etc/systemd/system/{UNIT}.service"
LOG = "/var/log/nginx/access.log"


def desired(view: HostView) -> Desired:
    """One process reads the log of the host's nginx, which may be an edge, an app server, or both."""
    app = view.layout.port("app", "http") if view.here("app") else None
    words = {
        "program": PROGRAM,
        "port": METRICS,
        "log": LOG,
        "edge": view.here("nginx"),
        "app": app,
        "slots": slots(view) if app else 0,
        "maintenance": MAINTENANCE,
    }
    return Desired(
        packages=("python3",),
        files=(
            File(PROGRAM, view.render("request_metrics.py")),
            File(SERVICE, view.render(f"{UNIT}.service.j2", **words)),
        ),
        units=(Unit(UNIT, restart_on=(PROGRAM, SERVICE)),),
        gates=(Gate("requests are counted", f"curl -sf -o /dev/null http://{view.host.address}:{METRICS}/metrics"),),
    )


def slots(view: HostView) -> int:
    """Requests that gunicorn on this host works on side by side."""
    settings = view.settings_of("app")
    greenlets: int = settings.greenlets
    return workers(view.host, settings) * greenlets
