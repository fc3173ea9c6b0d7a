"""No security update waits to be installed, and the host has asked for some lately."""

from __future__ import annotations

import re
from collections.abc import Iterator

from massive_deploy.audit.check import Finding, Subject, Unclear

LOOKS_AT = "apt-get --simulate upgrade, and the age of apt's package lists"
WHY = "what is mended in public is known in public"

OLDEST = 7
"""Days apt's lists may be old."""
_INSTALL = re.compile(r"^Inst (\S+) (?:\[[^]]*\] )?\(([^)]*)\)", re.MULTILINE)
_AGE = re.compile(r"^lists (\d+)", re.MULTILINE)


def script(subject: Subject) -> str:  # noqa: ARG001
    """When the lists were fetched, and what an upgrade would install. Nothing is fetched, nothing is locked."""
    return """
lists=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -printf '%T@\\n' 2>/dev/null | sort -n | tail -n 1)
echo "lists $lists"
apt-get --simulate -q -o Debug::NoLocking=true upgrade
echo "simulated $?"
"""


def judge(subject: Subject, seen: str) -> Iterator[Finding]:
    """Lists that are old or missing, and packages with a newer version in a security archive."""
    if "\nsimulated 0" not in f"\n{seen}":
        raise Unclear(f"apt-get --simulate upgrade failed: {seen.strip()[-200:]}")
    fetch = subject.on_host("apt-get update")
    age = _AGE.search(seen)
    if age is None:
        yield Finding("apt has no package lists: what waits is not known", fetch)
    elif (days := (subject.now - int(age[1])) / 86400) > OLDEST:
        yield Finding(f"apt's package lists are {days:.0f} days old", fetch)
    waiting = sorted(name for name, source in _INSTALL.findall(seen) if "security" in source.lower())
    if waiting:
        shown = ", ".join(waiting[:8]) + (f" and {len(waiting) - 8} more" if len(waiting) > 8 else "")
        many = f"{len(waiting)} security update{'s' * (len(waiting) != 1)}"
        yield Finding(f"{many} waiting: {shown}", subject.on_host("apt-get -y upgrade"))
