"""What the watcher needs on a database host."""

from __future__ import annotations

import json

from massive_deploy.desired import Desired, Directory, File, Gate, Unit, User
from massive_deploy.view import HostView

from .settings import Settings

USER = "massive-watch"
UNIT = "leader-watch"
HOME = "/usr/local/lib/massive-deploy"
CONFIG = "/etc/massive-deploy/leader-watch.json"
STATE = "/run/leader-watch/state.json"
_SERVICE = f"/etc/systemd/system/{UNIT}.service"
_MODULES = ("__main__", "decide", "fence", "look", "store", "watcher")


def desired(view: HostView) -> Desired:
    """The same program on each node of a cluster; the one that leads does nothing."""
    code = [f"{HOME}/leader_watch/{name}.py" for name in _MODULES]
    return Desired(
        packages=("python3", "nftables"),
        users=(User(USER),),
        directories=(Directory(f"{HOME}/leader_watch"),),
        files=(
            *(File(path, view.render(f"leader_watch/{path.rpartition('/')[2]}")) for path in code),
            File(CONFIG, _config(view), 0o600, USER, USER, secret=True),
            File(_SERVICE, view.render("leader-watch.service.j2", user=USER, home=HOME, config=CONFIG, state=STATE)),
        ),
        units=(Unit(UNIT, restart_on=(*code, CONFIG, _SERVICE)),),
        gates=(Gate("the watcher knows the leader", f'grep -q \'"leader": "[^"]\' {STATE}', 30),),
    )


def _config(view: HostView) -> str:
    settings: Settings = view.settings
    sql, rest = (view.layout.port("postgresql", name) for name in ("sql", "rest"))
    return json.dumps(
        {
            "me": view.host.name,
            "prefix": f"{view.layout.namespace}{view.cluster.name}/",
            "nodes": {n.name: {"address": n.address, "sql": sql, "rest": rest} for n in view.cluster.hosts},
            "etcd": {"endpoints": _endpoints(view), "user": "patroni", "password": view.secret("etcd/patroni")},
            "interval": settings.interval_ms / 1000,
            "patience": settings.patience,
            "vote_lifetime": settings.vote_lifetime,
        },
        indent=2,
    )


def _endpoints(view: HostView) -> list[str]:
    """The member on this host first: it is there as long as the host is."""
    members = sorted(view.running("etcd"), key=lambda host: host.name != view.host.name)
    return [f"http://{host.address}:{view.layout.port('etcd', 'client')}" for host in members]
