"""A status as one HTML file: what the hosts say, and the overview with what Prometheus knows at this moment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from massive_deploy.dashboards.services import services, watched_of
from massive_deploy.dashboards.web import Snapshot, alone, fragment
from massive_deploy.operate.snapshot import parse, script, without
from massive_deploy.operate.status_report import advice, duration, memory
from massive_deploy.operate.units import size

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.observe import Session
    from massive_deploy.operate.status import Status

PATIENCE = 180
"""Seconds for all of Prometheus' answers together."""


def page(opened: Inventory, live: Session, status: Status) -> str:
    """The whole file; written also where Prometheus does not answer, and then it says so."""
    layout = opened.layout
    running = services(layout, watched_of(opened.roles)(layout))
    try:
        snapshot = ask(opened, live)
    except ValueError as why:
        snapshot = without(layout, status, running, str(why))
    return alone(layout, running, snapshot, table(status, str(opened.folder)))


def ask(opened: Inventory, live: Session) -> Snapshot:
    """What Prometheus on the monitor host knows.

    Raises:
        ValueError: it cannot be asked; says why.
    """
    for monitor in opened.layout.running("monitoring"):
        if monitor.name not in live.reach:
            raise ValueError(live.silent.get(monitor.name, f"{monitor.name} was not reached"))
        asked = {monitor.name: script(opened.layout, monitor)}
        output = live.fleet.run_all({monitor.name: "sh -s"}, asked, timeout=PATIENCE)[monitor.name]
        return parse(opened.layout, output.stdout)
    raise ValueError("no host of this stack runs it")


def table(status: Status, inventory: str) -> str:
    """Hosts, units and clusters as HTML tables."""
    return fragment(
        "status.html.j2",
        status=status,
        duration=duration,
        memory=memory,
        size=size,
        advice=lambda member: advice(member, inventory),
        unknown=math.isnan,
        infinite=math.isinf,
    )
