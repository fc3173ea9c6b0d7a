"""One drill from its refusals to its result. Whatever happens on the way, the fault is undone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from massive_deploy.engine.lock import locked
from massive_deploy.errors import HostFailure, HostsFailed, MassiveDeployError, Refused
from massive_deploy.operate.drills import logs, probes, strike, well
from massive_deploy.operate.drills.faults import Fault, fault
from massive_deploy.operate.drills.result import Result, Told, result
from massive_deploy.operate.drills.scene import Scene, Strokes
from massive_deploy.operate.observe import Session, session
from massive_deploy.operate.patroni import Patroni
from massive_deploy.operate.psql import psql
from massive_deploy.secrets import Secrets

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.journal import Run
    from massive_deploy.targets import Say
    from massive_deploy.topology.layout import Cluster

WARM_UP, TAIL = 5.0, 3.0
FETCH = "fetch what the probes saw"
PATIENCE = 300
"""Seconds a stack has to become well again by itself."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. `hold`: seconds until the fault is undone (None: the fault's own). `seconds`: measured at
    least this long. `reboot`: machines that are not ours may be reset."""

    fault: str
    cluster: int = 1
    hold: int | None = None
    seconds: int = 30
    reboot: bool = False


@dataclass(frozen=True, slots=True)
class Drilled:
    """A drill's result, and what it was made from."""

    result: Result
    seen: logs.Seen
    told: Told


def drill(inventory: Inventory, wish: Wish, journal: Run, say: Say) -> Drilled:
    """Inject the fault, watch, undo it, and wait until the stack is well again.

    Raises:
        Refused: drills are not allowed here, or the stack is not well; nothing was touched.
        Locked: another run is at work.
        HostsFailed: a host did not do what the drill needs; the fault is undone.
    """
    chosen = fault(wish.fault)
    cluster = _allowed(inventory, wish)
    with session(inventory) as opened:
        if opened.missing:
            raise Refused(f"no such machine yet: {', '.join(sorted(opened.missing))}", _up(inventory))
        with locked(opened.fleet, opened.reach, f"drill {chosen.name}", inventory=str(inventory.folder)):
            scene = _scene(inventory, opened, cluster)
            strokes = strike.checked(inventory, chosen.strokes(scene), wish.reboot)
            return _Drill(inventory, wish, chosen, scene, strokes, journal, say, opened).run()


def _allowed(inventory: Inventory, wish: Wish) -> Cluster:
    if inventory.topology.drills != "allowed":
        raise Refused(
            f"{inventory.name} does not allow drills: they break things on purpose",
            "on a staging stack only: set `drills: allowed` in topology.yaml",
        )
    for cluster in inventory.layout.clusters:
        if cluster.number == wish.cluster:
            if not inventory.layout.running("app"):
                raise Refused("no host runs the app, so nobody would notice anything", "place the part `app` first")
            return cluster
    numbers = ", ".join(str(cluster.number) for cluster in inventory.layout.clusters)
    raise MassiveDeployError(f"there is no database cluster {wish.cluster}", f"there are: {numbers}")


def _up(inventory: Inventory) -> str:
    return f"massive-deploy up {inventory.folder}"


def _scene(inventory: Inventory, opened: Session, cluster: Cluster) -> Scene:
    layout = inventory.layout
    leader, wrong = well.look(opened, _patroni(inventory, opened), cluster)
    if wrong:
        raise Refused(
            f"database cluster {cluster.name} is not well before the drill: {wrong}",
            f"see: massive-deploy status {inventory.folder}",
        )
    replicas = tuple(host.name for host in cluster.hosts if host.name != leader)
    ports = {name: ssh.port for name, ssh in opened.reach.items()}
    return Scene(layout, cluster, leader, replicas, layout.running("app")[0].name, ports)


def _patroni(inventory: Inventory, opened: Session) -> Patroni:
    return Patroni(opened.fleet, inventory.layout, Secrets(inventory.folder))


@dataclass(slots=True)
class _Drill:
    """The course of one drill. `opened` is replaced by new connections once the fault is undone."""

    inventory: Inventory
    wish: Wish
    fault: Fault
    scene: Scene
    strokes: Strokes
    journal: Run
    say: Say
    opened: Session
    offsets: Mapping[str, float] = field(default_factory=dict)
    slack: float = 0.0
    cleaned: bool = False

    def run(self) -> Drilled:
        """All of it."""
        hold = self.fault.hold if self.wish.hold is None else self.wish.hold
        with ExitStack() as stack:
            stack.callback(self._clean)
            with self.journal.journaled(lambda: self.opened):
                return self._course(stack, hold)

    def _course(self, stack: ExitStack, hold: int) -> Drilled:
        self._begin(hold)
        edge = self.inventory.layout.running("nginx")
        visits = stack.enter_context(self._visitors(edge[0].address)) if edge else []
        time.sleep(WARM_UP)
        injected, healed = self._fault(hold)
        self.opened = stack.enter_context(well.again(self.inventory, PATIENCE))
        stack.callback(self._clean)  # over these connections, before they are closed
        patroni = _patroni(self.inventory, self.opened)
        self._probe_again(hold)
        moment, leader, wrong = well.wait(self.opened, patroni, self.scene.cluster, time.monotonic() + PATIENCE)
        time.sleep(max(TAIL, injected + self.wish.seconds - time.time()))
        seen = self._fetch(visits)
        told = Told(
            fault=self.fault.name,
            inventory=self.inventory.name,
            cluster=self.scene.cluster.name,
            leader_before=self.scene.leader,
            leader_after=leader,
            injected=injected,
            healed=healed,
            well=moment,
            found=self._found(leader),
            slack=self.slack,
            problem=wrong,
        )
        return Drilled(result(seen, told), seen, told)

    def _begin(self, hold: int) -> None:
        layout, scene = self.inventory.layout, self.scene
        if self.inventory.topology.target != "docker":  # containers have their engine's clock
            self.offsets, self.slack = probes.clocks(self.opened.fleet, self._watched)
        made = psql(probes.tables(layout.database), 60, layout.database)
        probes.run(self.opened.fleet, {scene.leader: made}, "make its tables")
        probes.run(self.opened.fleet, probes.start(scene, self._longest(hold)), "start probes", stdin=probes.text())
        self.say(f"{scene.leader} leads {scene.cluster.name}; {scene.app} writes and reads; {self.fault.summary}")

    @property
    def _watched(self) -> tuple[str, ...]:
        return (*(host.name for host in self.scene.cluster.hosts), self.scene.app)

    def _longest(self, hold: int) -> int:
        return hold + self.wish.seconds + 3 * PATIENCE

    def _visitors(self, address: str) -> AbstractContextManager[list[logs.Visit]]:
        app = self.inventory.topology.app
        host = app.domains[0].replace("*.", "www.", 1) if app.domains else "localhost"
        return probes.visitors(
            address, host, {"cached": "/", "uncached": app.health}, secure=self.inventory.layout.https
        )

    def _fault(self, hold: int) -> tuple[float, float]:
        """Wall-clock times of the fault and of its end."""
        active = strike.Strike(self.inventory, self.opened, self.strokes, self.scene, hold)
        self.journal.operations += 1
        try:
            injected = active.inject(self.offsets)
            self.say(f"{self.fault.name}: injected; kept for {hold} s")
            time.sleep(max(0.0, injected + hold - time.time()))
        finally:
            active.heal()
        healed = time.time()
        self.say(f"{self.fault.name}: undone; waiting until the stack is well")
        return injected, healed

    def _probe_again(self, hold: int) -> None:
        """Machines that were switched off run no probe any more."""
        hosts = [host for host in self.strokes.off if host in self.opened.reach]
        scripts = probes.start(self.scene, self._longest(hold), hosts, anew=False)
        probes.run(self.opened.fleet, scripts, "start probes", stdin=probes.text())

    def _fetch(self, visits: list[logs.Visit]) -> logs.Seen:
        app, names = self.scene.app, [name for name in self._watched if name in self.opened.reach]
        if app not in names:
            hint = f"switch it on, then: {_up(self.inventory)}"
            raise HostsFailed([HostFailure(app, "drill", FETCH, "it does not answer after the drill", hint)])
        outputs = probes.run(self.opened.fleet, dict.fromkeys(names, probes.FETCH), FETCH)
        writes, reads = logs.app(outputs[app].stdout, self.offsets.get(app, 0.0))
        direct = [
            one
            for host in self.scene.cluster.hosts
            if host.name in outputs
            for one in logs.node(outputs[host.name].stdout, host.name, self.offsets.get(host.name, 0.0))
        ]
        if not any(write.ok for write in writes):
            why = next((write.why for write in writes), "it wrote nothing")
            raise HostsFailed([HostFailure(app, "drill", "write through the pooler", why)])
        return logs.Seen(writes, reads, direct, tuple(visits))

    def _found(self, leader: str) -> frozenset[str]:
        if not leader:
            raise MassiveDeployError(
                "after the drill nobody leads the cluster, so what was written cannot be counted",
                f"see: massive-deploy status {self.inventory.folder}",
            )
        ask = psql("SELECT id FROM massive_drill", 60, self.inventory.layout.database)
        return frozenset(probes.run(self.opened.fleet, {leader: ask}, "count rows")[leader].stdout.split())

    def _clean(self) -> None:
        if self.cleaned:
            return
        self.cleaned = True
        fleet = self.opened.fleet
        fleet.run_all({name: probes.AWAY for name in self._watched if name in self.opened.reach}, timeout=40)
        patroni = _patroni(self.inventory, self.opened)
        if leader := patroni.leader(host.name for host in self.scene.cluster.hosts):
            drop = "DROP TABLE IF EXISTS massive_drill, massive_drill_node"
            fleet.run(leader, psql(drop, 60, self.inventory.layout.database))
