"""The packet filter is in the kernel as it was made, drops what nobody calls, and comes back at boot."""

from __future__ import annotations

from collections.abc import Iterator

from massive_deploy.audit.check import Finding, Subject, Unclear
from massive_deploy.desired import Task

LOOKS_AT = "nft list chain inet massive_deploy input, the rules on the disk, and the unit that loads them"
WHY = "it keeps whoever got into one host from the services of all others"

_CLOSED = "closed"


def script(subject: Subject) -> str:
    """The chain's policy, what the plan's own question prints, and whether the unit is on."""
    task = _task(subject)
    if task is None:
        return ""
    return (
        "nft -s list chain inet massive_deploy input | sed -n 's/.*policy /policy /p'\n"
        f"(\n{task.observe}\n) 2>/dev/null\n"
        "systemctl is-enabled massive-deploy-firewall"
    )


def judge(subject: Subject, seen: str) -> Iterator[Finding]:
    """Each of the three that is not so."""
    if _task(subject) is None:
        yield Finding("it is switched off in the topology", "remove `roles: firewall: enabled: false`")
        return
    lines = seen.splitlines()
    if not lines:
        raise Unclear("nothing was printed")
    if "policy drop;" not in lines:
        yield Finding("no rule of massive-deploy drops anything", subject.up)
    elif _CLOSED not in lines:
        yield Finding("the rules in the kernel are not those the topology gives", subject.up)
    if lines[-1] != "enabled":
        yield Finding("its unit massive-deploy-firewall is not enabled: a reboot leaves the host open", subject.up)


def _task(subject: Subject) -> Task | None:
    tasks = subject.desired["firewall"].tasks if "firewall" in subject.desired else ()
    return next((task for task in tasks if task.want == _CLOSED), None)
