"""The faults by name: each says what it does to which host, what undoes it, and what is expected of the stack."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from massive_deploy.errors import MassiveDeployError, Refused
from massive_deploy.operate.drills.scene import Scene, Strokes
from massive_deploy.operate.drills.scripts import MEND, cut, from_and_to, signal
from massive_deploy.operate.psql import psql


def pooler(scene: Scene) -> str:
    """The unit of the pooler that leads the app to the cluster."""
    return "pgbouncer" if scene.layout.topology.pooler == "pgbouncer" else f"pgpool@{scene.cluster.number}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `hold` is in seconds: how long it stays unless the user says otherwise. `strokes` is pure."""

    name: str
    summary: str
    expected: str
    hold: int
    strokes: Callable[[Scene], Strokes]


def _crash(scene: Scene) -> Strokes:
    pid = shlex.quote(f"{scene.data}/postmaster.pid")
    return Strokes({scene.leader: f'kill -KILL "$(head -n 1 {pid})"'})


def _power_off(scene: Scene) -> Strokes:
    return Strokes(off=(scene.leader,))


def _frozen(scene: Scene) -> Strokes:
    return Strokes({scene.leader: signal("patroni", "STOP")}, {scene.leader: signal("patroni", "CONT")})


def _cut(scene: Scene, host: str, rules: list[str]) -> Strokes:
    return Strokes({host: cut(rules, scene.ssh.get(host, 22))}, {host: MEND})


def _away(scene: Scene) -> list[str]:
    """Rules by which the leader hears nothing of replicas and etcd (`in`), and they nothing of it (`out`)."""
    peers = dict.fromkeys([*_replicas(scene), *scene.names("etcd")])
    return from_and_to([scene.address(name) for name in peers if name != scene.leader])


def _partition(scene: Scene) -> Strokes:
    return _cut(scene, scene.leader, _away(scene))


def _deaf(scene: Scene) -> Strokes:
    return _cut(scene, scene.leader, [rule for rule in _away(scene) if rule.startswith("in ")])


def _mute(scene: Scene) -> Strokes:
    return _cut(scene, scene.leader, [rule for rule in _away(scene) if rule.startswith("out ")])


def _without_etcd(scene: Scene) -> Strokes:
    # Over the loopback, too: the leader may be a member of etcd, which the others go on asking.
    return _cut(scene, scene.leader, [f"out tcp dport {scene.layout.port('etcd', 'client')} drop"])


def _without_replicas(scene: Scene) -> Strokes:
    port = scene.layout.port("postgresql", "sql")
    addresses = [scene.address(name) for name in _replicas(scene)]
    return _cut(scene, scene.leader, from_and_to(addresses, f"tcp {port}"))


def _replicas(scene: Scene) -> tuple[str, ...]:
    if not scene.replicas:
        raise Refused(f"database cluster {scene.cluster.name} has no replica", "set `replicas: 1` or more")
    return scene.replicas


def _slow(scene: Scene) -> Strokes:
    ask = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'"
    find = f'pid=$({psql(ask)}) && [ -n "$pid" ]'
    # Without SQL when it is undone: a replica may be asked to stop meanwhile, and waits for this very process.
    wake = "pkill -CONT -u postgres -f '^postgres: .*startup' || :"
    replica = _replicas(scene)[0]
    return Strokes({replica: f'{find} && kill -STOP "$pid"'}, {replica: wake})


def _replica_cut(scene: Scene) -> Strokes:
    port = scene.layout.port("postgresql", "sql")
    return _cut(scene, _replicas(scene)[0], from_and_to([scene.address(scene.leader)], f"tcp {port}"))


def _replica_loss(scene: Scene) -> Strokes:
    replica = _replicas(scene)[0]
    return Strokes({replica: f"{signal('patroni', 'KILL')}\nsystemctl stop patroni"}, {replica: _start("patroni")})


def _start(unit: str) -> str:
    return f"systemctl start {shlex.quote(unit)}"


def _etcd_loss(scene: Scene) -> Strokes:
    hosts = scene.names("etcd")
    # It notifies systemd only with a quorum: a start that waits would wait for the other hosts.
    return Strokes(dict.fromkeys(hosts, "systemctl stop etcd"), dict.fromkeys(hosts, "systemctl start --no-block etcd"))


def _etcd_member(scene: Scene) -> Strokes:
    members = scene.names("etcd")
    host = scene.leader if scene.leader in members else members[0]
    return Strokes({host: "systemctl stop etcd"}, {host: _start("etcd")})


def _pooler(scene: Scene) -> Strokes:
    unit = pooler(scene)
    return Strokes({scene.app: signal(unit, "KILL")}, {scene.app: _start(unit)})


def _balancer(scene: Scene) -> Strokes:
    if scene.app not in scene.names("haproxy"):
        raise Refused(f"{scene.app} has no HAProxy", "choose another fault: massive-deploy drill --list")
    return Strokes({scene.app: signal("haproxy", "KILL")}, {scene.app: _start("haproxy")})


def _patroni_crash(scene: Scene) -> Strokes:
    return Strokes({scene.leader: signal("patroni", "KILL", "main")}, {scene.leader: _start("patroni")})


def _patroni_stop(scene: Scene) -> Strokes:
    return Strokes({scene.leader: "systemctl stop --no-block patroni"}, {scene.leader: _start("patroni")})


def _switchover(scene: Scene) -> Strokes:
    _replicas(scene)
    return Strokes(switchover=True)


_ALL = (
    Fault("leader-crash", "kill -9 of the leader's postmaster", "a replica is promoted within seconds", 10, _crash),
    Fault("leader-power-off", "the leader's machine is switched off", "promotion after the ttl", 40, _power_off),
    Fault("leader-frozen", "all processes of the leader stand still", "promotion after the ttl", 40, _frozen),
    Fault("partition", "the leader is cut off from replicas and etcd", "promotion after the ttl", 45, _partition),
    Fault("leader-deaf", "the leader hears nothing of replicas and etcd", "promotion after the ttl", 45, _deaf),
    Fault("leader-mute", "replicas and etcd hear nothing of the leader", "promotion after the ttl", 45, _mute),
    Fault("leader-without-etcd", "the leader cannot reach etcd", "failsafe: at most one leader", 45, _without_etcd),
    Fault("leader-without-replicas", "no replica reaches the leader", "writes go on", 30, _without_replicas),
    Fault("replica-slow", "a replica receives and does not replay", "it gets no reads", 30, _slow),
    Fault("replica-cut", "a replica cannot reach the leader", "it gets no reads", 30, _replica_cut),
    Fault("replica-loss", "kill -9 of everything on a replica", "reads go elsewhere", 20, _replica_loss),
    Fault("etcd-loss", "all members of etcd stop", "failsafe: nobody notices", 45, _etcd_loss),
    Fault("etcd-member-loss", "one member of etcd stops", "nobody notices", 20, _etcd_member),
    Fault("pooler-loss", "kill -9 of an app host's pooler", "back in a second or two", 10, _pooler),
    Fault("balancer-loss", "kill -9 of an app host's HAProxy", "back in a second or two", 10, _balancer),
    Fault("patroni-crash", "kill -9 of the leader's Patroni daemon", "PostgreSQL goes on", 10, _patroni_crash),
    Fault("patroni-stop", "Patroni is stopped on the leader", "a clean hand-over", 20, _patroni_stop),
    Fault("switchover", "a planned change of the leader", "writes pause, no error", 0, _switchover),
)
FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}


def fault(name: str) -> Fault:
    """The fault of that name.

    Raises:
        MassiveDeployError: there is none; proposes the nearest.
    """
    if name in FAULTS:
        return FAULTS[name]
    near = difflib.get_close_matches(name, FAULTS, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise MassiveDeployError(f"there is no fault '{name}'", f"{hint}see: massive-deploy drill --list")
