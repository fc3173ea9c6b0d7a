"""Desired state of the varnish role."""

from __future__ import annotations

import re

from massive_deploy.desired import Desired, File, Gate, Rolling, Unit, Validator
from massive_deploy.view import HostView

from .sizes import objects

VCL = "/etc/varnish/default.vcl"
DROP_IN = "/etc/systemd/system/varnish.service.d/massive-deploy.conf"
EXPORTER = "/etc/default/prometheus-varnish-exporter"

# The compiler runs without root's rights, and needs a folder where programs may run: /tmp often forbids that.
COMPILES = """\
umask 022
work=$(mktemp -d /var/tmp/massive-deploy.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
install -m 644 "$STAGE/etc/varnish/default.vcl" "$work/default.vcl"
TMPDIR=/var/tmp varnishd -C -n "$work" -f "$work/default.vcl" > "$work/said" 2>&1 && exit
tail -n 12 "$work/said" >&2
exit 1
"""


def desired(view: HostView) -> Desired:
    """The cache on a unix socket for nginx, and its exporter."""
    settings = view.settings
    backends = [(_name(host.name), host.address) for host in view.running("app")]
    purgers = sorted({host.address for role in ("app", "varnish") for host in view.running(role)})
    words = {
        "memory": objects(view.host, settings),
        "backends": backends,
        "purgers": purgers,
        "kept": _any_of([*settings.session_cookies, *settings.cookies]),
        "session": _any_of(settings.session_cookies),
    }
    return Desired(
        packages=("varnish", "prometheus-varnish-exporter"),
        files=(
            File(VCL, view.render("default.vcl.j2", **words)),
            File(DROP_IN, view.render("varnish.service.j2", **words)),
            File(EXPORTER, view.render("prometheus-varnish-exporter.j2")),
        ),
        validators=(Validator("VCL compiles", COMPILES, (VCL,)),),
        units=(
            Unit("varnish", restart_on=(DROP_IN,), reload_on=(VCL,)),
            Unit("varnishncsa", running=False, enabled=False),
            Unit("prometheus-varnish-exporter", restart_on=(EXPORTER,)),
        ),
        rolling=Rolling(percent=1),
        gates=(
            Gate("varnish answers", "curl -fsS -o /dev/null --max-time 5 http://127.0.0.1:6081/.massive-deploy/cache"),
            Gate("varnish reaches an app host", "varnishadm -t 5 backend.list | grep -qi healthy"),
        ),
    )


def _name(host: str) -> str:
    return "app_" + re.sub(r"[^A-Za-z0-9]", "_", host)


def _any_of(names: list[str]) -> str:
    return "|".join(re.escape(name).replace(r"\-", "-") for name in names)
