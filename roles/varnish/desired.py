"""Desired state of the varnish role."""

from __future__ import annotations

from massive_deploy.desired import Desired, File, Gate, Rolling, Unit, Validator
from massive_deploy.environment import edge_drain_seconds
from massive_deploy.view import HostView

from .sizes import objects
from .vcl import MAIN, PARTS, USER, program

VCL = (MAIN, PARTS, USER)
DROP_IN = "/etc/systemd/system/varnish.service.d/massive-deploy.conf"
EXPORTER = "/etc/default/prometheus-varnish-exporter"
EXPORTER_DROP_IN = "/etc/systemd/system/prometheus-varnish-exporter.service.d/massive-deploy.conf"

# The compiler runs without root's rights, and needs a folder where programs may run: /tmp often forbids that.
COMPILES = """\
umask 022
work=$(mktemp -d /var/tmp/massive-deploy.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp -R "$STAGE/etc/varnish" "$work/vcl"
TMPDIR=/var/tmp varnishd -C -n "$work" -p cc_command="%D -O0 -w" -f "$work/vcl/default.vcl" > "$work/said" 2>&1 && exit
tail -n 12 "$work/said" >&2
exit 1
"""


def desired(view: HostView) -> Desired:
    """The cache on a unix socket for nginx, a door for purges, and the exporter."""
    return Desired(
        packages=("varnish", "varnish-modules", "prometheus-varnish-exporter"),
        files=(
            *program(view),
            File(DROP_IN, view.render("varnish.service.j2", memory=objects(view.host, view.settings))),
            File(EXPORTER, view.render("prometheus-varnish-exporter.j2")),
            File(EXPORTER_DROP_IN, view.render("base/exporter.service.j2")),
        ),
        validators=(Validator("VCL compiles", COMPILES, VCL),),
        units=(
            Unit("varnish", restart_on=(DROP_IN,), reload_on=VCL),
            Unit("varnishncsa", running=False, enabled=False),
            Unit("prometheus-varnish-exporter", restart_on=(EXPORTER, EXPORTER_DROP_IN)),
        ),
        rolling=Rolling(percent=1, drain_seconds=edge_drain_seconds(view)),
        gates=(
            Gate("varnish answers", "curl -fsS -o /dev/null --max-time 5 http://127.0.0.1:6081/.massive-deploy/cache"),
            Gate("varnish reaches an app host", "varnishadm -t 5 backend.list | grep -qi healthy"),
        ),
    )
