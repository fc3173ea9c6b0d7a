"""Files and units of Prometheus and Alertmanager."""

from __future__ import annotations

from massive_deploy.dashboards.services import services
from massive_deploy.dashboards.web import files as pages
from massive_deploy.desired import Desired, File, Gate, Unit, Validator
from massive_deploy.view import HostView

from .settings import Settings
from .targets import jobs, watched

ETC = "/etc/prometheus"
DEFAULTS = "/etc/default/prometheus"
ALERT_DEFAULTS = "/etc/default/prometheus-alertmanager"
PAGES = f"{ETC}/pages"
DROP_IN = "/etc/systemd/system/prometheus.service.d/massive-deploy.conf"
ALERT_DROP_IN = "/etc/systemd/system/prometheus-alertmanager.service.d/massive-deploy.conf"
RULES = ("hosts", "services", "database", "monitoring")


def desired(view: HostView) -> Desired:
    """Prometheus listens on the host's address (its flag takes one), Alertmanager there and on loopback."""
    ports = {port.name: port.number for port in view.layout.ports[view.role]}
    found = jobs(view.layout)
    seen = watched(view.layout)
    values = {
        "jobs": found,
        "scraped": sorted({f"{target.labels['role']}" for job in found for target in job.targets}),
        "target_count": sum(len(job.targets) for job in found),
        "watched": seen,
        "replicated": [cluster for cluster in view.clusters if len(cluster.hosts) > 1],
        "ports": ports,
        "pages": PAGES,
        "memory": memory(view.settings, view.host.memory_mb),
    }
    rules = tuple(File(f"{ETC}/rules/{n}.yml", view.render(f"rules/{n}.yml.j2", **values)) for n in RULES)
    return Desired(
        packages=("prometheus", "prometheus-alertmanager", "curl"),
        files=(
            File(DEFAULTS, view.render("prometheus.j2", **values)),
            File(DROP_IN, view.render("prometheus.service.j2")),
            File(ALERT_DROP_IN, view.render("prometheus.service.j2")),
            File(ALERT_DEFAULTS, view.render("prometheus-alertmanager.j2", **values)),
            File(f"{ETC}/prometheus.yml", view.render("prometheus.yml.j2", **values)),
            *rules,
            # A webhook's address often holds a token.
            File(
                f"{ETC}/alertmanager.yml",
                view.render("alertmanager.yml.j2", **values),
                mode=0o640,
                group="prometheus",
                secret=True,
            ),
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
            Validator("amtool", f'amtool check-config "$STAGE{ETC}/alertmanager.yml"', (f"{ETC}/alertmanager.yml",)),
        ),
        units=(
            Unit("prometheus", restart_on=(DEFAULTS, DROP_IN), reload_on=(f"{ETC}/prometheus.yml", f"{ETC}/rules/")),
            Unit(
                "prometheus-alertmanager",
                restart_on=(ALERT_DEFAULTS, ALERT_DROP_IN),
                reload_on=(f"{ETC}/alertmanager.yml",),
            ),
        ),
        gates=(
            Gate("Prometheus is ready", f"curl -sf http://{view.host.address}:{ports['prometheus']}/-/ready", 60),
            Gate("Alertmanager is ready", f"curl -sf http://{view.host.address}:{ports['alerts']}/-/ready", 60),
        ),
    )


def memory(settings: Settings, host_mb: int) -> int:
    """Prometheus' memory goal in MiB."""
    return settings.memory or max(64, host_mb * 30 // 100)
