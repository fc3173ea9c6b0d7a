"""Desired state of the nginx role."""

from __future__ import annotations

from massive_deploy.desired import Desired, File, Gate, Rolling, Unit, Validator
from massive_deploy.view import HostView

NGINX = "/etc/nginx/nginx.conf"
SITE = "/etc/nginx/conf.d/edge.conf"
DROP_IN = "/etc/systemd/system/nginx.service.d/massive-deploy.conf"
EXPORTER = "/etc/default/prometheus-nginx-exporter"
SORRY = "/etc/nginx/massive-deploy/503.html"


def desired(view: HostView) -> Desired:
    """The site on every address, port 80, and its exporter."""
    site = view.render("edge.conf.j2", max_body=view.settings_of("app").max_body)
    return Desired(
        packages=("nginx", "prometheus-nginx-exporter"),
        files=(
            File(NGINX, view.render("base/nginx.conf.j2")),
            File(DROP_IN, view.render("base/nginx.service.j2")),
            File(SITE, site),
            File(SORRY, view.render("503.html")),
            File(EXPORTER, view.render("prometheus-nginx-exporter.j2")),
        ),
        absent=("/etc/nginx/sites-enabled/default",),
        validators=(Validator("nginx -t", 'nginx -t -q -c "$STAGE/etc/nginx/nginx.conf"', ("/etc/nginx/",)),),
        units=(
            Unit("nginx", restart_on=(DROP_IN,), reload_on=(NGINX, SITE)),
            Unit("prometheus-nginx-exporter", restart_on=(EXPORTER,)),
        ),
        rolling=Rolling(percent=1),
        gates=(Gate("nginx answers", "curl -sS -f -o /dev/null --max-time 5 http://127.0.0.1/.massive-deploy/edge"),),
    )
