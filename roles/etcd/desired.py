"""What an etcd member needs on its host."""

from __future__ import annotations

import shlex

from massive_deploy.desired import Desired, Directory, File, Gate, Rolling, Task, Unit
from massive_deploy.view import HostView

from .settings import CLIENT, DATA, METRICS, PEER

CONFIG = "/etc/default/etcd"
DROP_IN = "/etc/systemd/system/etcd.service.d/massive-deploy.conf"
LOCAL = f"http://127.0.0.1:{CLIENT}"


def desired(view: HostView) -> Desired:
    """A member of the static cluster of all hosts that run etcd."""
    return Desired(
        packages=("etcd-server", "etcd-client", "curl"),
        directories=(Directory(DATA, 0o700, "etcd", "etcd"),),
        files=(File(CONFIG, _config(view)), File(DROP_IN, view.render("massive-deploy.conf.j2"))),
        units=(Unit("etcd", restart_on=(CONFIG,)),),
        tasks=(_passwords(view),),
        rolling=Rolling(percent=1),
        gates=(Gate("etcd has a leader", f'curl -fsS --max-time 3 {LOCAL}/health | grep -q \'"health":"true"\'', 60),),
    )


def _config(view: HostView) -> str:
    members = ",".join(f"{host.name}=http://{host.address}:{PEER}" for host in view.running("etcd"))
    return view.render("etcd.j2", members=members, data=DATA, client=CLIENT, peer=PEER, metrics=METRICS)


def _passwords(view: HostView) -> Task:
    """Whoever reaches the port still needs a password: without one, anybody could name another leader."""
    first = view.running("etcd")[0].name == view.host.name
    run = view.render("passwords.sh.j2", endpoint=LOCAL, prefix=f"/massive/{view.layout.name}/")
    request = shlex.quote('{"key":"AA=="}')
    return Task(
        name="etcd asks for a password",
        observe=f"curl -s --max-time 3 -d {request} {LOCAL}/v3/kv/range | grep -o 'user name is empty' | head -n 1",
        want="user name is empty",
        run=run if first else ":",
        stdin=f"{view.secret('etcd/root')}\n{view.secret('etcd/patroni')}\n" if first else "",
        settle=60,
        secret=True,
    )
