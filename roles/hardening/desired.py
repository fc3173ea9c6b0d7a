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
MODULES = "/etc/modprobe.d/massive-deploy.conf"
BANNERS = ("/etc/issue", "/etc/issue.net")
LOGIN = "/etc/login.defs"
TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")

# A configuration that waits for its confirmation is not there yet.
AS_WANTED = 'if [ "$(sha256sum <"$live")" = "$sum" ] && [ ! -e "$state/tried" ]; then echo hardened; fi'
AS_IT_WAS = 'if [ ! -e "$live" ]; then echo "as it was"; fi'
# For accounts that are made later. No UMASK: sessions of every account would have it, those of this tool as well.
ACCOUNTS = {"PASS_MAX_DAYS": "365", "PASS_MIN_DAYS": "1", "SHA_CRYPT_MIN_ROUNDS": "65536"}
_CRON = "/etc/crontab /etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly"


def desired(view: HostView) -> Desired:
    """sshd's configuration is put beside first: a script takes it over, and back when it lets nobody in."""
    sshd = _sshd(view) if view.settings.sshd else _untouched()
    upgrades = _upgrades(view) if view.settings.upgrades else Desired(absent=(UPGRADES,))
    return Desired(
        packages=(*upgrades.packages, "debsums", "needrestart"),
        directories=sshd.directories,
        files=(
            *sshd.files,
            *upgrades.files,
            File(MODULES, view.render("modules.j2")),
            *(File(banner, view.render("issue.j2")) for banner in BANNERS),
        ),
        absent=(*sshd.absent, *upgrades.absent),
        tasks=(*sshd.tasks, _accounts(), _private()),
        units=upgrades.units,
    )


def _accounts() -> Task:
    lines = "".join(f"{name} {value}\n" for name, value in ACCOUNTS.items())
    names = "|".join(ACCOUNTS)
    observe = f"awk '$1 ~ /^({names})$/ {{ print $1, $2 }}' {LOGIN}"
    new = f"{LOGIN}.new"
    run = f"{{ grep -vE '^ *#? *({names})[[:space:]]' {LOGIN}; cat; }} >{new} && cat {new} >{LOGIN} && rm {new}"
    return Task("new accounts", observe, lines.strip(), run, stdin=lines)


def _private() -> Task:
    observe = f"find {_CRON} -maxdepth 0 -perm /077 2>/dev/null"
    return Task("what cron runs is private", observe, "", f"{observe} | xargs -r chmod og-rwx")


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
