"""Desired state of the hardening role."""

from __future__ import annotations

from massive_deploy.desired import Desired, Directory, File, Task, Unit
from massive_deploy.shell import assignments
from massive_deploy.view import HostView

WANTED = "/etc/massive-deploy/sshd.conf"
LIVE = "/etc/ssh/sshd_config.d/10-massive-deploy.conf"
STATE = "/var/lib/massive-deploy/sshd"
SCRIPT = "/usr/local/lib/massive-deploy/sshd"
UPGRADES = "/etc/apt/apt.conf.d/51massive-deploy-upgrades"
TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")

# A configuration that waits for its confirmation is not there yet.
AS_WANTED = 'if [ "$(sha256sum <"$live")" = "$sum" ] && [ ! -e "$state/tried" ]; then echo hardened; fi'
AS_IT_WAS = 'if [ ! -e "$live" ]; then echo "as it was"; fi'


def desired(view: HostView) -> Desired:
    """sshd's configuration is put beside first: a script takes it over, and back when it lets nobody in."""
    sshd = _sshd(view) if view.settings.sshd else _untouched()
    upgrades = _upgrades(view) if view.settings.upgrades else Desired(absent=(UPGRADES,))
    return Desired(
        packages=upgrades.packages,
        directories=sshd.directories,
        files=(*sshd.files, *upgrades.files),
        absent=(*sshd.absent, *upgrades.absent),
        tasks=sshd.tasks,
        units=upgrades.units,
    )


def _sshd(view: HostView) -> Desired:
    config = File(WANTED, view.render("sshd.conf.j2"))
    script = File(SCRIPT, view.render("sshd.j2", wanted=WANTED, live=LIVE, state=STATE), 0o755)
    known = {"live": LIVE, "state": STATE, "sum": f"{config.sha256}  -"}
    return Desired(
        directories=(Directory(STATE, 0o700),),
        files=(config, script),
        tasks=(
            Task(
                "sshd lets nobody in by a password",
                assignments(known) + AS_WANTED,
                "hardened",
                f"{SCRIPT} try {view.settings.confirm_seconds}",
                confirm=f"{SCRIPT} confirm",
            ),
        ),
    )


def _untouched() -> Desired:
    known = assignments({"live": LIVE})
    away = f'{known}rm -f "$live"; systemctl try-reload-or-restart ssh'
    return Desired(absent=(WANTED, SCRIPT), tasks=(Task("sshd as it was", known + AS_IT_WAS, "as it was", away),))


def _upgrades(view: HostView) -> Desired:
    return Desired(
        packages=("unattended-upgrades",),
        files=(File(UPGRADES, view.render("upgrades.j2")),),
        units=(
            *(Unit(timer) for timer in TIMERS),
            # It only waits for the host's shutdown, to upgrade then: at night is often enough.
            Unit("unattended-upgrades", running=False, enabled=False),
        ),
    )
