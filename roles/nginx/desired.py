"""Desired state of the nginx role."""

from __future__ import annotations

import re
from typing import Any

from massive_deploy.desired import MAINTENANCE, Desired, Directory, File, Gate, Rolling, Unit, Validator
from massive_deploy.environment import PRERENDERED, edge_drain_seconds, pin_cookies
from massive_deploy.view import HostView

from . import https

NGINX = "/etc/nginx/nginx.conf"
SITE = "/etc/nginx/conf.d/edge.conf"
DROP_IN = "/etc/systemd/system/nginx.service.d/massive-deploy.conf"
EXPORTER = "/etc/default/prometheus-nginx-exporter"
EXPORTER_DROP_IN = "/etc/systemd/system/prometheus-nginx-exporter.service.d/massive-deploy.conf"
OWN_PAGES = ("503.html", "maintenance.html", "429.html")
# A folder the unit may write to already: a change of the unit would restart nginx.
PAGES = "/var/lib/nginx/pages"
CHECK = 'nginx -t -q -c "$STAGE/etc/nginx/nginx.conf"'


def desired(view: HostView) -> Desired:
    """The site on every address, port 80, and its exporter."""
    secured = https.files(view)
    served = tuple(file.path for file in secured if file.path == https.certificate(view))
    folders = (Directory(MAINTENANCE.rpartition("/")[0]), Directory(PRERENDERED))
    return Desired(
        packages=("nginx", "prometheus-nginx-exporter", *https.packages(view)),
        directories=(*folders, *https.directories(view)),
        files=(
            File(NGINX, view.render("base/nginx.conf.j2")),
            File(DROP_IN, view.render("base/nginx.service.j2")),
            File(SITE, view.render("edge.conf.j2", **_words(view))),
            *(File(f"/etc/nginx/massive-deploy/{name}", view.render(name)) for name in OWN_PAGES),
            File(EXPORTER, view.render("prometheus-nginx-exporter.j2")),
            File(EXPORTER_DROP_IN, view.render("base/exporter.service.j2")),
            *secured,
        ),
        absent=("/etc/nginx/sites-enabled/default",),
        validators=(Validator("nginx -t", f"{https.before_check(view)}{CHECK}", ("/etc/nginx/",)),),
        units=(
            Unit("nginx", restart_on=(DROP_IN,), reload_on=(NGINX, SITE, *served)),
            Unit("prometheus-nginx-exporter", restart_on=(EXPORTER, EXPORTER_DROP_IN)),
            *https.units(view),
        ),
        tasks=https.tasks(view),
        # A drained edge server gives the shared address to another one first.
        rolling=Rolling(percent=1, drain_seconds=edge_drain_seconds(view)),
        gates=(Gate("nginx answers", "curl -sS -f -o /dev/null --max-time 5 http://127.0.0.1/.massive-deploy/edge"),),
    )


def _words(view: HostView) -> dict[str, Any]:
    others = [edge for edge in view.running("nginx") if edge.name != view.host.name]
    settings, varnish, app = view.settings, view.settings_of("varnish"), view.settings_of("app")
    security = [
        ("X-Frame-Options", settings.frame_options),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", settings.referrer_policy),
        ("Permissions-Policy", settings.permissions_policy),
        ("Cross-Origin-Opener-Policy", settings.opener_policy),
    ]
    return {
        "certificate": https.certificate(view).removeprefix("/etc/nginx/"),
        "webroot": https.WEBROOT,
        "others": others if settings.tls == "acme" else (),
        "max_body": app.max_body,
        "apps": [host.address for host in view.running("app")],
        "kept": _any_of([*varnish.session_cookies, *varnish.cookies, *pin_cookies(view)]),
        "session": _any_of(varnish.session_cookies),
        # What Varnish takes as a word of who it is. Authorization is always one.
        "private": sorted({"authorization", *(_variable(name) for name in varnish.private_headers)}),
        "static_pattern": _pattern(app.static_url),
        "security_headers": [(header, _variable(header), value) for header, value in security if value],
        "maintenance": MAINTENANCE,
        "pages": PAGES,
        # A page nobody asked for during the time of grace is not kept for bad times either.
        "inactive": max(60, varnish.grace),
        "prerendered": PRERENDERED,
        **https.words(view),
    }


def _variable(header: str) -> str:
    return header.lower().replace("-", "_")


def _any_of(names: list[str]) -> str:
    return "|".join(_pattern(name) for name in names)


def _pattern(text: str) -> str:
    return re.escape(text).replace(r"\-", "-")
