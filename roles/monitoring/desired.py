"""Files and units of Prometheus, Alertmanager and what asks the site from outside."""

from __future__ import annotations

from massive_deploy.alerts.collect import rules, watched
from massive_deploy.dashboards.services import services
from massive_deploy.dashboards.web import files as pages
from massive_deploy.desired import Desired, File, Gate, Unit, Validator
from massive_deploy.view import HostView

from . import outside, routes
from .rules import text
from .settings import Settings
from .targets import jobs

ETC = "/etc/prometheus"
DEFAULTS = "/etc/default/prometheus"
ALERT_DEFAULTS = "/etc/default/prometheus-alertmanager"
PAGES = f"{ETC}/pages"
DROP_IN = "/etc/systemd/system/prometheus.service.d/massive-deploy.conf"
ALERT_DROP_IN = "/etc/systemd/system/prometheus-alertmanager.service.d/massive-deploy.conf"
PROBE_DROP_IN = "/etc/systemd/system/prometheus-blackbox-exporter.service.d/massive-deploy.conf"
RULES = f"{ETC}/rules/alerts.yml"
CHECK_PROBES = f'prometheus-blackbox-exporter --config.check --config.file="$STAGE{outside.CONFIG}"'


def desired(view: HostView) -> Desired:
    """Prometheus listens on the host's address (its flag takes one), Alertmanager there and on loopback."""
    ports = {port.name: port.number for port in view.layout.ports[view.role]}
    seen = watched(view.layout)
    values = {
        "jobs": jobs(view.layout),
        "probes": outside.probes(view.layout),
        "ports": ports,
        "pages": PAGES,
        "memory": memory(view.settings, view.host.memory_mb),
    }
    judged = text(rules(view.layout), view.settings.runbooks)
    probing = outside.files(view, ports["blackbox"])
    asked = tuple(file.path for file in probing if file.path.startswith(ETC))
    return Desired(
        packages=("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter", "curl"),
        files=(
            File(DEFAULTS, view.render("prometheus.j2", **values)),
            File(DROP_IN, view.render("prometheus.service.j2")),
            File(ALERT_DROP_IN, view.render("prometheus.service.j2")),
            File(ALERT_DEFAULTS, view.render("prometheus-alertmanager.j2", **values)),
            File(f"{ETC}/prometheus.yml", view.render("prometheus.yml.j2", **values)),
            File(RULES, view.render("rules.yml.j2", rules=judged)),
            *routes.files(view, values),
            *probing,
            File(PROBE_DROP_IN, view.render("base/exporter.service.j2")),
            *(
                File(f"{PAGES}/{name}", content)
                for name, content in pages(view.layout, services(view.layout, seen)).items()
            ),
        ),
        validators=(
            Validator(
                "promtool",
                f'promtool check config "$STAGE{ETC}/prometheus.yml"',
                (f"{ETC}/prometheus.yml", f"{ETC}/rules/"),
            ),
            Validator("amtool", f'amtool check-config "$STAGE{routes.CONFIG}"', (routes.CONFIG, routes.TEXTS)),
            Validator("blackbox", CHECK_PROBES, (outside.CONFIG,)),
        ),
        units=(
            Unit("prometheus", restart_on=(DEFAULTS, DROP_IN), reload_on=(f"{ETC}/prometheus.yml", f"{ETC}/rules/")),
            Unit(
                "prometheus-alertmanager",
                restart_on=(ALERT_DEFAULTS, ALERT_DROP_IN),
                reload_on=(routes.CONFIG, routes.TEXTS),
            ),
            Unit(
                "prometheus-blackbox-exporter",
                restart_on=(outside.DEFAULTS, PROBE_DROP_IN),
                reload_on=asked,
            ),
        ),
        gates=tuple(
            Gate(f"{name} is ready", f"curl -sf -o /dev/null http://{view.host.address}:{ports[port]}{path}", 60)
            for name, port, path in (
                ("Prometheus", "prometheus", "/-/ready"),
                ("Alertmanager", "alerts", "/-/ready"),
                ("blackbox_exporter", "blackbox", "/-/healthy"),
            )
        ),
    )


def memory(settings: Settings, host_mb: int) -> int:
    """Prometheus' memory goal in MiB."""
    return settings.memory or max(64, host_mb * 30 // 100)
