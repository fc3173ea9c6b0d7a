"""Desired state of the redis role."""

from __future__ import annotations

from massive_deploy.desired import Desired, File, Gate, Unit
from massive_deploy.environment import BROKER_DB
from massive_deploy.view import HostView

from .sizes import data

CONFIG = "/etc/redis/redis.conf"
DROP_IN = "/etc/systemd/system/redis-server.service.d/massive-deploy.conf"
PASSWORD = "/etc/massive-deploy/redis-password"  # noqa: S105 - a path
EXPORTER = "/etc/default/prometheus-redis-exporter"
EXPORTER_DROP_IN = "/etc/systemd/system/prometheus-redis-exporter.service.d/massive-deploy.conf"
QUEUES = "/etc/massive-deploy/celery-queues.lua"


def desired(view: HostView) -> Desired:
    """One node on the host's own address, with its exporter."""
    memory = data(view.host, view.settings)
    password = view.secret("redis/password")
    config = view.render("redis.conf.j2", memory=memory, password=password)
    queues = (File(QUEUES, view.render("celery-queues.lua.j2", broker=BROKER_DB)),) if view.topology.app.worker else ()
    exporter = view.render("prometheus-redis-exporter.j2", password=password, queues=QUEUES if queues else "")
    ping = f'REDISCLI_AUTH="$(cat {PASSWORD})" redis-cli -h {view.host.address} ping | grep -qx PONG'
    return Desired(
        packages=("redis-server", "redis-tools", "prometheus-redis-exporter"),
        files=(
            File(CONFIG, config, mode=0o640, owner="redis", group="redis", secret=True),
            File(PASSWORD, f"{password}\n", mode=0o600, secret=True),
            File(DROP_IN, view.render("redis-server.service.j2")),
            File(EXPORTER, exporter, mode=0o600, secret=True),
            File(EXPORTER_DROP_IN, view.render("base/exporter.service.j2")),
            *queues,
        ),
        units=(
            Unit("redis-server", restart_on=(CONFIG, DROP_IN)),
            Unit(
                "prometheus-redis-exporter",
                restart_on=(EXPORTER, EXPORTER_DROP_IN, *(file.path for file in queues)),
            ),
        ),
        gates=(Gate("redis answers", ping),),
    )
