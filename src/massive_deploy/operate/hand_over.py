"""Leadership leaves a host before the host does: a planned switchover to one that stays."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from massive_deploy.errors import Refused
from massive_deploy.operate.candidates import Table
from massive_deploy.operate.election import Change
from massive_deploy.operate.handover import Crew
from massive_deploy.operate.look import look
from massive_deploy.operate.patroni import Patroni
from massive_deploy.operate.switchover import carry_out, reasons

if TYPE_CHECKING:
    from massive_deploy.operate.observe import Session
    from massive_deploy.operate.prepare import Prepared
    from massive_deploy.targets import Say


def hand_over(opened: Session, prepared: Prepared, say: Say) -> None:
    """Move leadership of every cluster from hosts that leave the topology to one that stays.

    Raises:
        Refused: no staying replica is fit; nothing was changed.
        HostsFailed: Patroni did not switch within a minute.
    """
    inventory = prepared.inventory
    layout = inventory.layout
    patroni = Patroni(opened.fleet, layout, prepared.secrets)
    leaving = {host.name: host.address for host in layout.leaving}
    clusters = {host.cluster for host in layout.leaving}
    for cluster in layout.clusters:
        staying = [host.name for host in cluster.hosts if host.name in opened.reach]
        if cluster.number not in clusters or not staying:
            continue
        leader = next((one.name for one in patroni.members(staying[0]).values() if one.role == "leader"), "")
        if not leader:
            raise Refused(
                f"{staying[0]} does not know who leads database cluster {cluster.name}: it may be a host that leaves",
                f"see: massive-deploy status {inventory.folder}",
            )
        if leader not in leaving:
            continue
        candidate = choose(look(opened, layout, cluster), leader, staying)
        addresses = {leader: leaving[leader]} | {h.name: h.address for h in cluster.hosts if h.name in staying}
        crew = Crew.of(opened, inventory, cluster)
        # Named, for a replica that is about to leave might win an election.
        change = Change(candidate, "switchover", leader, candidate, addresses)
        _, _, warnings = carry_out(patroni, cluster, change, crew, say, despite=True)
        for text in warnings:
            say(text)
        say(f"database cluster {cluster.name}: {candidate} leads now, {leader} leaves")


def choose(told: Table, leader: str, staying: Collection[str]) -> str:
    """The staying replica that has received most. The leader is not in the table: it is no longer in the layout.

    Raises:
        Refused: none is fit; says why.
    """
    fit = [row for row in told.candidates if row.name in staying and row.receiving]
    if not fit:
        why = reasons(told) or "    none of them streams"
        raise Refused(
            f"{leader} leads database cluster {told.cluster}, and no replica that stays is fit to take over:\n{why}",
            "see: massive-deploy status; wait until a staying replica streams",
        )
    return fit[0].name
