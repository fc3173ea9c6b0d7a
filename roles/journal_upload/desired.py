"""Files and unit of the sender."""

from __future__ import annotations

from massive_deploy.collected import SENDER_UNIT, receiver, senders
from massive_deploy.desired import Desired, File, Unit, User
from massive_deploy.view import HostView

USER = "systemd-journal-upload"
CERTIFICATE = "/etc/massive-deploy/journal-upload.pem"
AUTHORITY = "/etc/massive-deploy/ca.crt"
CONFIG = "/etc/systemd/journal-upload.conf.d/massive-deploy.conf"
DROP_IN = "/etc/systemd/system/systemd-journal-upload.service.d/massive-deploy.conf"


def desired(view: HostView) -> Desired:
    """The host shows its certificate and knows the receiver by the stack's own authority."""
    collects = receiver(view.layout)
    if collects is None or view.host not in senders(view.layout):
        return Desired()
    port = view.layout.port("journal_remote", "upload")
    words = {"url": f"https://{collects.address}:{port}", "certificate": CERTIFICATE, "authority": AUTHORITY}
    pair = view.certificate(view.host.name, view.host.address)
    return Desired(
        packages=("systemd-journal-remote",),
        # Debian's unit makes its user when it starts; the key needs its owner before that.
        users=(User(USER),),
        files=(
            File(CERTIFICATE, pair.both, 0o600, USER, USER, secret=True),
            File(AUTHORITY, view.authority),
            File(CONFIG, view.render("upload.conf.j2", **words)),
            File(DROP_IN, view.render("systemd-journal-upload.service.j2")),
        ),
        units=(Unit(SENDER_UNIT, restart_on=(CERTIFICATE, AUTHORITY, CONFIG, DROP_IN), waits=True),),
    )
