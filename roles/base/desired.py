"""Desired state of the base role."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from massive_deploy.collected import RECEIVER
from massive_deploy.desired import Desired, Directory, File, Task, Unit
from massive_deploy.view import HostView

CERTIFICATES = "/usr/local/share/ca-certificates"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
JOURNALD = "/etc/systemd/journald.conf.d/massive-deploy.conf"
SYSCTL = "/etc/sysctl.d/60-massive-deploy.conf"
ROTATE = "/etc/massive-deploy/logrotate-nginx.conf"
ROTATE_SERVICE, ROTATE_TIMER = (f"/etc/systemd/system/nginx-logs.{kind}" for kind in ("service", "timer"))

# Prints the settings that may be written here but differ: containers may write few or none of them. All are read by one
# process: a probe of many hosts is mostly the start of processes, and the shell itself cannot read these files.
SYSCTL_DIFFERS = f"""\
set -f
container=unknown paths= wanted=
while IFS=' =' read -r key value; do
    case "$key" in
        ''|'#'*) continue ;;
        vm.*|kernel.*|fs.*|dev.*)
            [ $container != unknown ] || container=$(systemd-detect-virt --container --quiet && echo yes || echo no)
            [ $container = no ] || continue ;;
    esac
    path=/proc/sys rest=$key
    while [ "$rest" != "${{rest#*.}}" ]; do path=$path/${{rest%%.*}} rest=${{rest#*.}}; done
    [ -w "$path/$rest" ] || continue
    paths="$paths $path/$rest"
    wanted="$wanted$key $path/$rest:$value
"
done < {SYSCTL}
now=$(grep -H '' /dev/null $paths | tr -s '\\t' ' ')
printf %s "$wanted" | while read -r key line; do
    case "
$now
" in *"
$line
"*) ;; *) echo "$key" ;; esac
done
"""

CLOCK_KEPT = """\
if systemd-detect-virt --container --quiet || systemctl --quiet is-active systemd-timesyncd; then echo kept; fi
"""


def desired(view: HostView) -> Desired:
    """Same on every host, save what the topology says of its peers."""
    # A container's clock is the machine's own.
    clock = view.settings.time_sync and view.topology.target != "docker"
    return Desired(
        packages=("ca-certificates", "curl", "logrotate", "procps", *(("systemd-timesyncd",) if clock else ())),
        directories=(
            Directory("/etc/massive-deploy"),
            Directory("/usr/local/lib/massive-deploy"),
            # Programs look for single files below it (drained, in maintenance); nobody but root may list it.
            Directory("/var/lib/massive-deploy", mode=0o711),
        ),
        files=(
            File("/etc/hosts", view.render("hosts.j2")),
            File("/etc/apt/apt.conf.d/90massive-deploy", view.render("apt.conf.j2")),
            File("/etc/needrestart/conf.d/massive-deploy.conf", view.render("needrestart.conf.j2")),
            File(JOURNALD, view.render("journald.conf.j2")),
            File(SYSCTL, view.render("sysctl.conf.j2")),
            *(File(f"{CERTIFICATES}/{name}", pem) for name, pem in view.authorities),
            *_rotation(view),
        ),
        units=(
            Unit("systemd-journald", restart_on=(JOURNALD,)),
            Unit("logrotate.timer"),
            *((Unit("nginx-logs.timer", restart_on=(ROTATE_TIMER, ROTATE_SERVICE)),) if _has_nginx(view) else ()),
        ),
        tasks=(*_trust(view), *_sysctl(), *(_clock() if clock else ())),
    )


def _has_nginx(view: HostView) -> bool:
    return any(view.here(role) for role in ("nginx", "app", RECEIVER))


def _rotation(view: HostView) -> tuple[File, ...]:
    """Once a day is far too late for 50,000 lines a second: looked at every minute, by a timer of their own."""
    if not _has_nginx(view):
        return ()
    return (
        File("/etc/logrotate.d/nginx", view.render("logrotate.nginx.j2", timer=ROTATE_TIMER)),
        # The current one, the one before and twelve compressed ones: five times this at most.
        File(ROTATE, view.render("logrotate-nginx.conf.j2", size=view.settings.access_logs // 5)),
        File(ROTATE_SERVICE, view.render("nginx-logs.service.j2", config=ROTATE)),
        File(ROTATE_TIMER, view.render("nginx-logs.timer.j2")),
    )


def _trust(view: HostView) -> tuple[Task, ...]:
    if not view.authorities:
        return ()
    files = " ".join(shlex.quote(f"{CERTIFICATES}/{name}") for name, _ in view.authorities)
    links = " ".join(shlex.quote(f"/etc/ssl/certs/{PurePosixPath(name).stem}.pem") for name, _ in view.authorities)
    # The bundle must be younger than each certificate, and each must have its link.
    observe = (
        f'for f in {files}; do [ {BUNDLE} -nt "$f" ] || exit 0; done; '
        f'for f in {links}; do [ -e "$f" ] || exit 0; done; echo trusted'
    )
    return (Task("trusted authorities", observe, "trusted", "update-ca-certificates", before_units=True),)


def _sysctl() -> tuple[Task, ...]:
    apply = f'{{ {SYSCTL_DIFFERS}}} | while read -r key; do grep -F "$key =" {SYSCTL}; done | sysctl --quiet --load=-'
    return (Task("kernel settings", SYSCTL_DIFFERS, "", apply, before_units=True),)


def _clock() -> tuple[Task, ...]:
    run = "systemctl enable --now systemd-timesyncd"
    return (Task("clock kept right", CLOCK_KEPT, "kept", run, settle=10),)
