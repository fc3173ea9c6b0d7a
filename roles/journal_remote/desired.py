"""Files and units of the receiver."""

from __future__ import annotations

from massive_deploy.collected import FOLDER, receiver, senders, source
from massive_deploy.desired import Desired, File, Gate, Unit, Validator
from massive_deploy.view import HostView

from .settings import BEHIND, PORT
from .sizes import archives, file_size

NGINX = "/etc/nginx/nginx.conf"
SITE = "/etc/nginx/conf.d/journal-remote.conf"
NGINX_DROP_IN = "/etc/systemd/system/nginx.service.d/massive-deploy.conf"
CERTIFICATE = "/etc/nginx/massive-deploy/journal-remote.pem"
AUTHORITY = "/etc/nginx/massive-deploy/stack-ca.crt"
CONFIG = "/etc/systemd/journal-remote.conf.d/massive-deploy.conf"
SERVICE = "/etc/systemd/system/systemd-journal-remote.service.d/massive-deploy.conf"
SOCKET = "/etc/systemd/system/systemd-journal-remote.socket.d/massive-deploy.conf"


def desired(view: HostView) -> Desired:
    """nginx checks certificates on the host's address; what it lets through reaches the receiver on loopback."""
    collects = receiver(view.layout)
    if collects is None or collects.name != view.host.name:
        return Desired()
    words = {
        "port": PORT,
        "behind": BEHIND,
        "folder": FOLDER,
        "sources": {host.name: source(host) for host in senders(view.layout)},
        "certificate": CERTIFICATE.removeprefix("/etc/nginx/"),
        "authority": AUTHORITY.removeprefix("/etc/nginx/"),
        "archives": archives(view.layout),
        "file_size": file_size(view.layout),
    }
    pair = view.certificate(view.host.name, view.host.address)
    url = f"https://{view.host.address}:{PORT}/"
    return Desired(
        packages=("nginx", "systemd-journal-remote", "curl"),
        files=(
            File(NGINX, view.render("base/nginx.conf.j2")),
            File(NGINX_DROP_IN, view.render("base/nginx.service.j2")),
            File(SITE, view.render("journal-remote.conf.j2", **words)),
            File(CERTIFICATE, pair.both, 0o600, secret=True),
            File(AUTHORITY, view.authority),
            File(CONFIG, view.render("remote.conf.j2", **words)),
            File(SERVICE, view.render("systemd-journal-remote.service.j2", **words)),
            File(SOCKET, view.render("systemd-journal-remote.socket.j2", **words)),
        ),
        absent=("/etc/nginx/sites-enabled/default",),
        validators=(Validator("nginx -t", 'nginx -t -q -c "$STAGE/etc/nginx/nginx.conf"', ("/etc/nginx/",)),),
        units=(
            # A restart of the socket is one of the service, too.
            Unit("systemd-journal-remote.socket", restart_on=(CONFIG, SERVICE, SOCKET)),
            Unit("nginx", restart_on=(NGINX_DROP_IN,), reload_on=(NGINX, SITE, CERTIFICATE, AUTHORITY)),
        ),
        gates=(Gate("the receiver asks for a certificate", f'[ "$({_status(url)})" = 400 ]'),),
    )


def _status(url: str) -> str:
    return f"curl -sS --insecure --max-time 5 -o /dev/null -w '%{{http_code}}' {url}"
