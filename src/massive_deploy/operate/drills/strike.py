"""A fault on its hosts: injected with a dead man's timer beside it, and undone."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from massive_deploy.errors import HostFailure, HostsFailed, Refused
from massive_deploy.operate.drills import probes
from massive_deploy.operate.drills.scripts import guarded, undone
from massive_deploy.operate.election import Change
from massive_deploy.operate.handover import Crew
from massive_deploy.operate.patroni import Patroni
from massive_deploy.operate.switchover import carry_out
from massive_deploy.secrets import Secrets
from massive_deploy.targets import docker_power

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.drills.scene import Scene, Strokes
    from massive_deploy.operate.observe import Session

GRACE = 90
"""Seconds after the planned end of a fault at which its host undoes it by itself."""
TRIES = 5
RESET = "(sleep 0.3; echo b >/proc/sysrq-trigger) >/dev/null 2>&1 </dev/null &"


def checked(inventory: Inventory, strokes: Strokes, reboot: bool) -> Strokes:
    """The strokes as this target allows them.

    Raises:
        Refused: a machine that is not ours would have to be switched off, and may not be reset.
    """
    if not strokes.off or inventory.topology.target == "docker":
        return strokes
    if not reboot:
        raise Refused(
            f"{', '.join(strokes.off)} is no machine of massive-deploy's making: it cannot be switched on again",
            "with --reboot it is reset at once, without a shutdown, and starts by itself",
        )
    return replace(strokes, inject={**strokes.inject, **dict.fromkeys(strokes.off, RESET)})


@dataclass(slots=True)
class Strike:
    """One fault that may be in effect. `hold` is in seconds."""

    inventory: Inventory
    opened: Session
    strokes: Strokes
    scene: Scene
    hold: int
    waiting: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def inject(self, offsets: Mapping[str, float]) -> float:
        """Break it; returns when (the controller's wall clock). `offsets` is how far hosts' clocks are ahead."""
        begun = time.time()
        if self.strokes.switchover:
            self._switch()
        if self._ours:
            for machine in self.strokes.off:
                self.waiting.append(docker_power.on_later(self.inventory.name, machine, self.hold + GRACE))
                begun = time.time()
                docker_power.off(self.inventory.name, machine)
        scripts = {
            host: guarded(script, self.strokes.heal.get(host, ""), self.hold + GRACE)
            for host, script in self.strokes.inject.items()
        }
        outputs = probes.run(self.opened.fleet, scripts, "inject the fault")
        times = [float(output.stdout.split()[0]) - offsets.get(host, 0.0) for host, output in outputs.items()]
        return min(times, default=begun)

    def heal(self) -> None:
        """Undo it, as often as it takes.

        Raises:
            HostsFailed: a host did not let it be undone; its own timer still will.
        """
        if self._ours:
            for machine in self.strokes.off:
                docker_power.on(self.inventory.name, machine)
        for child in self.waiting:
            child.kill()
            child.wait()
        left = {host: undone(script) for host, script in self.strokes.heal.items()}
        for _ in range(TRIES):
            outputs = self.opened.fleet.run_all(left, timeout=120) if left else {}
            left = {host: script for host, script in left.items() if not outputs[host].ok}
            if not left:
                return
            time.sleep(1)
        hint = f"its timer undoes the fault {self.hold + GRACE} s after it began"
        raise HostsFailed([HostFailure(host, "drill", "undo the fault", outputs[host].cause, hint) for host in left])

    @property
    def _ours(self) -> bool:
        return self.inventory.topology.target == "docker"

    def _switch(self) -> None:
        """The switchover as people order it, within the drill's own lock."""
        scene, fleet, cluster = self.scene, self.opened.fleet, self.scene.cluster
        patroni = Patroni(fleet, self.inventory.layout, Secrets(self.inventory.folder))
        crew = Crew.of(self.opened, self.inventory, cluster)
        # Every replica streams, or the drill would have been refused: any of them may win.
        candidate = scene.replicas[0] if len(scene.replicas) == 1 else ""
        members = {host.name: host.address for host in cluster.hosts}
        change = Change(candidate or scene.leader, "switchover", scene.leader, candidate, members)
        carry_out(patroni, cluster, change, crew, lambda _text: None, despite=False)
