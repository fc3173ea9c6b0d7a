"""Checks of the keepalived role."""

from __future__ import annotations

import time
from typing import Any

from massive_deploy.verify.steady import stay_up
from massive_deploy.view import HostView

from .desired import CONFIG, address


def check_keepalived_stays_up(host: Any, view: HostView) -> None:  # noqa: ARG001
    """The unit is running, starts at boot and has not restarted meanwhile."""
    stay_up(host, "keepalived")


def check_one_edge_holds_the_address(host: Any, view: HostView) -> None:
    """Here or elsewhere, and nobody else claims it."""
    shared = address(view)
    own = f"ip -o -4 address show to {view.host.address}"
    interface = host.check_output(own).split()[1]
    for left in range(10, -1, -1):
        here = shared in host.check_output("ip -o -4 address show").replace("/", " ").split()
        # With -D nobody is asked as itself: every other holder answers. Without, each one that has it does.
        asked = host.run(f"arping -c 3 -w 4 {'-D' if here else ''} -I {interface} {shared}").stdout
        others = {
            line.split("[")[1].split("]")[0] for line in asked.splitlines() if "reply from" in line and "[" in line
        }
        if len(others) + here == 1:
            return
        if left:
            time.sleep(1)
    raise AssertionError(f"{shared}: {'held here' if here else 'not held here'}, and by {sorted(others) or 'nobody'}")


def check_the_address_serves_the_site(host: Any, view: HostView) -> None:
    """The edge that holds it answers."""
    url = f"http://{address(view)}/.massive-deploy/edge"
    host.check_output(f"curl -fsS --max-time 5 --retry 5 --retry-connrefused {url}")


def check_keepalived_keeps_its_secret(host: Any, view: HostView) -> None:  # noqa: ARG001
    """Only root reads the password of the group."""
    assert (host.file(CONFIG).user, host.file(CONFIG).mode) == ("root", 0o600)
