"""What HAProxy needs on an app host."""

from __future__ import annotations

import math
from dataclasses import dataclass

from massive_deploy.desired import Desired, File, Gate, Rolling, Unit, Validator
from massive_deploy.environment import drain_seconds
from massive_deploy.topology.layout import Cluster, Layout
from massive_deploy.view import HostView

from .settings import METRICS, Settings

CONFIG = "/etc/haproxy/haproxy.cfg"
CUT = "/etc/haproxy/cut.lua"
DROP_IN = "/etc/systemd/system/haproxy.service.d/massive-deploy.conf"


@dataclass(frozen=True, slots=True)
class Way:
    """A cluster and its two loopback ports; several database aliases may share them."""

    cluster: Cluster
    writes: int
    reads: int


def ways(layout: Layout) -> tuple[Way, ...]:
    """One for each cluster that has aliases, in order."""
    ports = {(alias.cluster, alias.writable): layout.balancer_port(alias) for alias in layout.aliases}
    return tuple(
        Way(c, ports[c.number, True], ports[c.number, False]) for c in layout.clusters if (c.number, True) in ports
    )


def desired(view: HostView) -> Desired:
    """The balancer of one app host. Everything but the metrics listens on the loopback only."""
    return Desired(
        packages=("haproxy", "curl"),
        files=(
            File(CONFIG, _config(view)),
            File(CUT, view.render("cut.lua.j2", grace=view.settings.connect_ms + 300)),
            File(DROP_IN, view.render("haproxy.service.conf.j2")),
        ),
        validators=(Validator("haproxy", f'haproxy -c -q -f "$STAGE"{CONFIG}', (CONFIG, CUT)),),
        units=(Unit("haproxy", restart_on=(DROP_IN,), reload_on=(CONFIG, CUT)),),
        rolling=Rolling(drain_seconds=drain_seconds(view)),
        gates=(_leaders(view),),
    )


def _config(view: HostView) -> str:
    return view.render(
        "haproxy.cfg.j2",
        ways=ways(view.layout),
        tries=_tries(view),
        lag=view.topology.reads.max_lag,
        metrics=METRICS,
        sql=view.layout.port("postgresql", "sql"),
        rest=view.layout.port("postgresql", "rest"),
        reads=view.layout.port("postgresql", "reads"),
        redis=[(host, view.layout.port("redis", "data")) for host in view.running("redis")],
    )


def _tries(view: HostView) -> int:
    """How often a connection is tried while nobody leads: between two tries HAProxy waits a second, or `connect_ms`."""
    settings: Settings = view.settings
    return max(3, math.ceil(settings.leader_wait_seconds * 1000 / min(1000, settings.connect_ms)))


def _leaders(view: HostView) -> Gate:
    """Ready when each cluster's leader is found: until then the pooler would only collect errors."""
    up = " ".join(f"leader-{way.cluster.number}" for way in ways(view.layout))
    ask = f"curl -fsS --max-time 3 http://{view.host.address}:{METRICS}/metrics"
    line = 'haproxy_backend_active_servers{proxy=\\"$name\\"} 1'
    return Gate(
        "HAProxy sees the leaders",
        f'seen=$({ask}) && for name in {up}; do printf "%s\\n" "$seen" | grep -qF "{line}" || exit 1; done',
        60,
    )
