"""Every service we start is sandboxed: an exposure of 3.0 or less, and the running process has it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from massive_deploy.audit.check import Finding, Subject

LOOKS_AT = "systemd-analyze security of each unit, and Seccomp in /proc of its main process"
WHY = "a hole in one service is then no hole in the host"

MOST = 3.0
_OVERALL = re.compile(r"Overall exposure level for (\S+): ([0-9.]+)")
_PROCESS = re.compile(r"^process (\S+) (\d+) (\d+)$", re.MULTILINE)
_SYSTEM = ("systemd-", "logrotate", "certbot")
"""The distribution's own, which are started anyway."""


def script(subject: Subject) -> str:
    """One line of exposure for each unit, and one for each main process: its id, and its mode of Seccomp."""
    names = units(subject)
    if not names:
        return ""
    return f"""
set -- {shlex.join(names)}
for unit; do systemd-analyze security --no-pager "$unit" | grep 'Overall exposure' || echo "missing $unit"; done
for unit; do
    pid=$(systemctl show -p MainPID --value -- "$unit")
    [ "$pid" = 0 ] || echo "process $unit $pid $(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$pid/status")"
done
"""


def judge(subject: Subject, seen: str) -> Iterator[Finding]:
    """Units that are exposed, and those that run without what their files say."""
    exposed = {name: float(number) for name, number in _OVERALL.findall(seen)}
    seccomp = {name: mode for name, _, mode in _PROCESS.findall(seen)}
    for unit in units(subject):
        look = subject.on_host(f"systemd-analyze security --no-pager {unit}")
        if unit not in exposed:
            yield Finding(f"{unit}: systemd does not know it", subject.up)
        elif exposed[unit] > MOST:
            yield Finding(f"{unit}: exposure {exposed[unit]:g}, more than {MOST:g}", look)
        elif seccomp.get(unit) == "0":
            what = f"{unit}: its process was started before its sandbox was made"
            yield Finding(what, "its next start brings it; PostgreSQL's comes with a reboot, replicas first")


def units(subject: Subject) -> tuple[str, ...]:
    """Services that roles start on the host, those behind our own timers among them, sorted."""
    ours = {file.path.rpartition("/")[2] for file in subject.files if file.path.startswith("/etc/systemd/system/")}
    found = set()
    for desired in subject.desired.values():
        for unit in desired.units:
            stem, _, kind = unit.name.rpartition(".") if "." in unit.name else (unit.name, "", "service")
            service = f"{stem}.service"
            started = kind == "service" or (kind == "timer" and service in ours)
            if unit.running and started and not stem.startswith(_SYSTEM):
                found.add(service)
    return tuple(sorted(found))
