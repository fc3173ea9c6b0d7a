"""Shell texts of faults, and the dead man's timer that undoes a fault whose controller was killed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

FOLDER = "/var/lib/massive-drill"
TABLE = "massive_drill"
TIMER = "massive-drill-heal"


def cut(rules: Sequence[str], ssh: int) -> str:
    """An nft table of our own with these rules, `in …` and `out …`; the SSH port stays open whatever they say."""
    lines = [
        f"add table inet {TABLE}",
        f"flush table inet {TABLE}",
        *(
            f"add chain inet {TABLE} {name} {{ type filter hook {hook} priority -10; }}"
            for name, hook in (("in", "input"), ("out", "output"))
        ),
        f"add rule inet {TABLE} in tcp dport {ssh} accept",
        f"add rule inet {TABLE} out tcp sport {ssh} accept",
        *(f"add rule inet {TABLE} {rule}" for rule in rules),
    ]
    return f"nft -f - <<'RULES'\n{chr(10).join(lines)}\nRULES"


MEND = f"! nft list table inet {TABLE} >/dev/null 2>&1 || nft delete table inet {TABLE}"


def from_and_to(addresses: Sequence[str], what: str = "") -> list[str]:
    """Rules that drop what comes from and goes to these addresses. `what` is `tcp 5432`: on either side's port."""
    peers = "{ " + ", ".join(addresses) + " }"
    protocol, _, port = what.partition(" ")
    ports = [f" {protocol} {side} {port}" for side in ("dport", "sport")] if what else [""]
    return [
        f"{way} ip {side} {peers}{match} drop" for way, side in (("in", "saddr"), ("out", "daddr")) for match in ports
    ]


def signal(unit: str, name: str, whom: str = "all") -> str:
    """Send a signal to a unit's processes: `all` or `main`."""
    return f"systemctl kill --kill-whom={whom} --signal={name} {shlex.quote(unit)}"


def guarded(inject: str, heal: str, seconds: int) -> str:
    """The fault, after the timer that undoes it some seconds later was started. Prints the host's time of the fault."""
    if heal:
        timer = (
            f"systemctl stop {TIMER}.timer 2>/dev/null; systemctl reset-failed {TIMER}.service 2>/dev/null\n"
            f"install -d {FOLDER} && cat >{FOLDER}/heal.sh <<'HEAL' || exit 1\n{heal}\nHEAL\n"
            f"systemd-run --quiet --collect --unit={TIMER} --on-active={seconds} "
            f"--timer-property=AccuracySec=1 /bin/sh {FOLDER}/heal.sh || exit 1"
        )
    else:
        timer = ":"
    return f"{timer}\ndate +%s.%N\n{inject}"


def undone(heal: str) -> str:
    """The healing script, which may run after the timer has done its work already; ends the timer when it succeeded."""
    return f"(\nset -e\n{heal}\n) || exit 1\nsystemctl stop {TIMER}.timer 2>/dev/null\nrm -f {FOLDER}/heal.sh"
