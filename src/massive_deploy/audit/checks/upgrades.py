"""Security upgrades install themselves, and restart neither a database nor the host behind anybody's back."""

from __future__ import annotations

import re
from collections.abc import Iterator

from massive_deploy.audit.check import Finding, Subject, Unclear

LOOKS_AT = "apt's configuration, the package unattended-upgrades, its timer, and needrestart's"
WHY = "known holes are used within days; and a failover at night is no upgrade"

_SETTING = re.compile(r'^([A-Za-z:-]+) "(.*)";$', re.MULTILINE)
# Packages whose services must not restart on all nodes at about the same time, by the role that runs them.
_KEPT = {"postgresql": ("patroni", "postgresql-17"), "etcd": ("etcd-server",)}
_INSTALL = "apt-get install -y unattended-upgrades"


def script(subject: Subject) -> str:  # noqa: ARG001
    """apt's settings by name, the package's state, the timer's, and needrestart's way."""
    return """
apt-config dump | grep -E '^(APT::Periodic|Unattended-Upgrade)::'
echo "package $(dpkg-query -W -f='${db:Status-Abbrev}' unattended-upgrades 2>/dev/null)"
echo "timer $(systemctl is-enabled apt-daily-upgrade.timer 2>/dev/null)"
[ ! -d /etc/needrestart ] || echo "needrestart $(cat /etc/needrestart/needrestart.conf /etc/needrestart/conf.d/*.conf \\
    2>/dev/null | sed -n "s/^[[:space:]]*\\$nrconf{restart}[[:space:]]*=[[:space:]]*'\\(.\\)'.*/\\1/p" | tail -n 1)"
"""


def judge(subject: Subject, seen: str) -> Iterator[Finding]:
    """What keeps upgrades from coming, and what would restart too much."""
    words = dict(
        line.split(" ", 1) for line in seen.splitlines() if line.startswith(("package", "timer", "needrestart"))
    )
    if "package" not in words:
        raise Unclear(f"the package's state is not told: {seen.strip()[:200]}")
    settings: dict[str, list[str]] = {}
    for name, value in _SETTING.findall(seen):
        settings.setdefault(name, []).append(value)
    if not words["package"].startswith("ii"):
        yield Finding("unattended-upgrades is not installed", subject.on_host(_INSTALL))
    elif settings.get("APT::Periodic::Unattended-Upgrade", ["0"])[-1] in {"", "0"}:
        yield Finding(
            "APT::Periodic::Unattended-Upgrade is off",
            subject.on_host("dpkg-reconfigure -f noninteractive unattended-upgrades"),
        )
    if words.get("timer", "").strip() != "enabled":
        what = f"apt-daily-upgrade.timer is {words.get('timer', '').strip() or 'not there'}"
        yield Finding(what, subject.on_host("systemctl enable --now apt-daily-upgrade.timer"))
    if settings.get("Unattended-Upgrade::Automatic-Reboot", ["false"])[-1] not in {"", "false", "0", "no"}:
        fix = 'Unattended-Upgrade::Automatic-Reboot "false"; in a file below /etc/apt/apt.conf.d'
        yield Finding("upgrades may reboot the host by themselves", fix)
    yield from _restarts(subject, settings.get("Unattended-Upgrade::Package-Blacklist::", []), words)


def _restarts(subject: Subject, kept: list[str], words: dict[str, str]) -> Iterator[Finding]:
    patterns = [pattern for pattern in kept if pattern]
    for role, packages in _KEPT.items():
        for package in packages:
            if subject.runs(role) and not any(_matches(pattern, package) for pattern in patterns):
                what = f"an upgrade of {package} may restart it on all nodes at about the same time"
                yield Finding(what, subject.up)
    if words.get("needrestart", "l").strip() not in {"l", ""}:
        yield Finding("needrestart restarts services by itself", subject.up)


def _matches(pattern: str, package: str) -> bool:
    try:
        return re.match(pattern, package) is not None
    except re.error:
        return False
