"""Desired state of the firewall role."""

from __future__ import annotations

from collections.abc import Iterable

from massive_deploy.desired import Desired, Directory, File, Task, Unit, Validator
from massive_deploy.shell import assignments
from massive_deploy.topology.openings import openings
from massive_deploy.view import HostView

from .rules import TABLE, allowed, elements, ssh

RULES = "/etc/massive-deploy/firewall.nft"
STATE = "/var/lib/massive-deploy/firewall"
SCRIPT = "/usr/local/lib/massive-deploy/firewall"
NAME = "massive-deploy-firewall"
UNIT = f"/etc/systemd/system/{NAME}.service"
DROP_IN = "/etc/systemd/system/nftables.service.d/massive-deploy.conf"

# Without a process: it is asked in every probe.
OPEN = 'if read -r open <"$state/open" && [ "$open" = "$sum" ]; then echo open; fi'
# Where nothing is dropped yet: what listens, and will no longer be reached. Ports a program calls from are none.
CLOSED = r"""
if read -r closed <"$state/closed" && [ "$closed" = "$sum" ] && read -r listed <"$state/listed" &&
    [ "$listed" = "$(nft -ns list table inet "$table" | sha256sum)" ]; then
    echo closed
    exit
fi
! nft list table inet "$table" >/dev/null 2>&1 || exit
ss -Hlntup | awk -v declared="$declared" '
    BEGIN { split(declared, ports, " "); for (n in ports) open[ports[n]] = 1 }
    {
        port = $5; sub(/.*:/, "", port); port += 0
        if ($5 ~ /^(127\.|\[::1\])/ || open[$1 "/" port]) next
        if ($1 == "udp" && (port >= 32768 || port == 68 || port == 546)) next
        name = "?"
        if (match($0, /users:\(\("[^"]*"/)) name = substr($0, RSTART + 9, RLENGTH - 10)
        line = "open to all now: " $1 " " port " (" name ")"
        if (!seen[line]++) print line
    }' | sort
"""


def desired(view: HostView) -> Desired:
    """The rules are loaded twice: first beside what is open already, and by themselves when all roles are through."""
    words = {"rules": RULES, "state": STATE, "script": SCRIPT, "table": TABLE, "name": NAME}
    ours = (
        File(SCRIPT, view.render("firewall.j2", **words), 0o755),
        File(UNIT, view.render("firewall.service.j2", **words)),
        File(DROP_IN, view.render("nftables.service.j2", **words)),
    )
    if not view.settings.enabled:
        # What was confirmed once must be tried again when it is wanted again.
        absent = tuple(f"{STATE}/{name}" for name in ("confirmed.nft", "open", "closed", "listed"))
        return Desired(files=ours, absent=absent, units=(Unit(NAME, running=False, enabled=False),))
    ports = ", ".join(str(one.port) for one in ssh(view, view.host))
    rules = File(RULES, view.render("firewall.nft.j2", table=TABLE, elements=elements(view), ports=ports), 0o600)
    known = {"state": STATE, "table": TABLE, "sum": f"{rules.sha256}  -", "declared": " ".join(declared(view))}
    seconds, confirm = view.settings.confirm_seconds, f"{SCRIPT} confirm"
    return Desired(
        packages=("nftables", "iproute2"),
        directories=(Directory(STATE, 0o700),),
        files=(*ours, rules),
        validators=(Validator("nft", f'nft -c -f "$STAGE{RULES}"', (RULES,)),),
        tasks=(
            Task(
                "let in what roles call",
                assignments(known) + OPEN,
                "open",
                f"{SCRIPT} try open {seconds}",
                before_units=True,
                confirm=confirm,
            ),
            Task(
                "drop what nobody calls",
                assignments(known) + CLOSED,
                "closed",
                f"{SCRIPT} try close {seconds}",
                afterwards=True,
                confirm=confirm,
            ),
        ),
        units=(Unit(NAME, reload_on=(SCRIPT, UNIT, DROP_IN)),),
    )


def declared(view: HostView) -> Iterable[str]:
    """Ports somebody may call here, such as `tcp/5432`, each once."""
    found = [(opening.protocol, opening.port) for opening in openings(view.layout)[view.host.name]]
    found += [(one.protocol, one.port) for one in allowed(view)]
    return [f"{protocol}/{port}" for protocol, port in sorted(set(found))]
