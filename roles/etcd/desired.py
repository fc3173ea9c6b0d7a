"""What an etcd member needs on its host."""

from __future__ import annotations

import hashlib
import shlex

from massive_deploy.desired import Desired, Directory, File, Gate, Rolling, Task, Unit
from massive_deploy.topology.layout import Host
from massive_deploy.view import HostView

from .settings import CLIENT, DATA, METRICS, PEER

CONFIG = "/etc/default/etcd"
DROP_IN = "/etc/systemd/system/etcd.service.d/massive-deploy.conf"
BEGINNING = "/var/lib/massive-deploy/etcd-beginning"
PASSWORDS = "/etc/massive-deploy/etcd-passwords"
NO_UPGRADES = "/etc/apt/apt.conf.d/52massive-deploy-etcd"
LOCAL = f"http://127.0.0.1:{CLIENT}"


def desired(view: HostView) -> Desired:
    """A member of the static cluster of all hosts that run etcd."""
    return Desired(
        packages=("etcd-server", "etcd-client", "curl"),
        directories=(Directory(DATA, 0o700, "etcd", "etcd"),),
        files=(
            File(CONFIG, _config(view)),
            File(DROP_IN, view.render("massive-deploy.conf.j2", beginning=BEGINNING)),
            File(NO_UPGRADES, view.render("no-unattended-upgrades.j2")),
            *_password_file(view),
        ),
        units=(Unit("etcd", restart_on=(CONFIG, DROP_IN)),),
        tasks=(_beginning(view), _passwords(view)),
        rolling=Rolling(percent=1),
        gates=(Gate("etcd has a leader", f'curl -fsS --max-time 3 {LOCAL}/health | grep -q \'"health":"true"\'', 60),),
    )


def _config(view: HostView) -> str:
    members = ",".join(f"{host.name}={_peer(host)}" for host in view.running("etcd"))
    return view.render("etcd.j2", members=members, data=DATA, client=CLIENT, peer=PEER, metrics=METRICS)


def _peer(host: Host) -> str:
    return f"http://{host.address}:{PEER}"


def _beginning(view: HostView) -> Task:
    """A member that was added to a running cluster joins it; otherwise all members found a new one together."""
    others = [f"http://{host.address}:{CLIENT}" for host in view.running("etcd") if host.name != view.host.name]
    asked = f"ETCDCTL_API=3 etcdctl --endpoints={shlex.quote(','.join(others))} --command-timeout=5s member list"
    expected = f"{asked} 2>/dev/null | grep ', unstarted, ' | grep -qF {shlex.quote(_peer(view.host))}"
    joins = expected if others else "false"
    return Task(
        name="whether etcd founds or joins",
        observe="if systemctl --quiet is-active etcd; then echo decided\n"
        f"elif [ -e {BEGINNING} ] && ! {{ {joins}; }}; then echo decided; fi",
        want="decided",
        run=view.render("beginning.sh.j2", joins=joins, data=DATA, beginning=BEGINNING),
        before_units=True,
    )


def _passwords(view: HostView) -> Task:
    """Whoever reaches the port still needs a password: without one, anybody could name another leader.

    The first member sets them, and keeps what it set last: changing them needs the password before.
    """
    request = shlex.quote('{"key":"AA=="}')
    asks = f"curl -s --max-time 3 -d {request} {LOCAL}/v3/kv/range | grep -o 'user name is empty' | head -n 1"
    first = _sets_passwords(view)
    last = f"sha256sum {PASSWORDS}.set 2>/dev/null | cut -c1-16"
    return Task(
        name="etcd asks for a password",
        observe=f"{asks}; {last}" if first else asks,
        want=f"user name is empty\n{_fingerprint(view)}" if first else "user name is empty",
        run=view.render("passwords.sh.j2", endpoint=LOCAL, prefix="/massive/", file=PASSWORDS, asks=asks)
        if first
        else ":",
        settle=60,
        secret=True,
    )


def _sets_passwords(view: HostView) -> bool:
    return view.running("etcd")[0].name == view.host.name


def _passwords_text(view: HostView) -> str:
    return f"{view.secret('etcd/root')}\n{view.secret('etcd/patroni')}\n"


def _fingerprint(view: HostView) -> str:
    """Tells other passwords from these, and tells nobody what they are."""
    return hashlib.sha256(_passwords_text(view).encode()).hexdigest()[:16]


def _password_file(view: HostView) -> tuple[File, ...]:
    return (File(PASSWORDS, _passwords_text(view), mode=0o600, secret=True),) if _sets_passwords(view) else ()
